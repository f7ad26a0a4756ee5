#pragma once

/// A clock that stands still until the test moves it, for code that is given the time instead of asking for it.
///
///   FakeClock clock;
///   TokenCache cache({.now = clock.function()});
///   cache.Store("token", 10min);
///   clock.Advance(11min);
///   EXPECT_FALSE(cache.Find());
///
/// A thread that is to wait is given SleepUntil; the test lets it go to sleep, and wakes it:
///
///   std::thread refresher([&] { clock.SleepUntil(clock.Now() + 1h); Refresh(); });
///   ASSERT_TRUE(clock.AwaitSleepers(1));
///   clock.Advance(1h);
///
/// A std::jthread that is given its stop_token too ends with the test, also where an ASSERT has failed before the clock came so
/// far:
///
///   std::jthread refresher([&](const std::stop_token& stop) { if (clock.SleepUntil(clock.Now() + 1h, stop)) Refresh(); });

#include <chrono>
#include <functional>
#include <set>
#include <stop_token>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace userclient::testing {

/// *Thread-safe.* Must outlive the functions that it gave.
class FakeClock {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// Not the epoch, so that code which takes that for "never" is not fooled.
  explicit FakeClock(TimePoint start = TimePoint(std::chrono::hours(24))) : now_(start) {}

  FakeClock(const FakeClock&) = delete;
  FakeClock& operator=(const FakeClock&) = delete;

  TimePoint Now() const;
  /// Now, as code takes it that is given a clock.
  std::function<TimePoint()> function() const;

  /// Not backwards: that aborts the process. Not beyond the end of the clock, some 292 years: there it stays.
  void Advance(std::chrono::nanoseconds duration);
  void AdvanceTo(TimePoint time);

  /// Blocks until the clock has come so far.
  void SleepUntil(TimePoint time) const;
  /// The same, but no longer than until a stop is requested: false. The time that has come is true, with or without a stop.
  bool SleepUntil(TimePoint time, const std::stop_token& stop) const;
  /// Blocks until at least so many threads sleep until later than now, or the limit, of real time, is over: false.
  bool AwaitSleepers(int count, std::chrono::nanoseconds limit = std::chrono::seconds(30)) const;

 private:
  void MoveTo(TimePoint time) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  TimePoint now_ ABSL_GUARDED_BY(mutex_);
  /// When they want to be woken.
  mutable std::multiset<TimePoint> sleepers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace userclient::testing
