#include "userclient/testing/fake_clock.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>

#include "absl/time/time.h"

namespace userclient::testing {

FakeClock::TimePoint FakeClock::Now() const {
  absl::MutexLock lock(&mutex_);
  return now_;
}

std::function<FakeClock::TimePoint()> FakeClock::function() const {
  return [this] { return Now(); };
}

void FakeClock::Advance(std::chrono::nanoseconds duration) {
  absl::MutexLock lock(&mutex_);
  MoveTo(now_ + std::min<std::chrono::nanoseconds>(duration, TimePoint::max() - std::max(now_, TimePoint())));
}

void FakeClock::AdvanceTo(TimePoint time) {
  absl::MutexLock lock(&mutex_);
  MoveTo(time);
}

void FakeClock::MoveTo(TimePoint time) {
  if (time < now_) {
    std::fprintf(stderr, "FakeClock: a steady clock does not go back\n");
    std::abort();
  }
  now_ = time;
}

void FakeClock::SleepUntil(TimePoint time) const { SleepUntil(time, std::stop_token()); }

bool FakeClock::SleepUntil(TimePoint time, const std::stop_token& stop) const {
  const auto over = [this, time, &stop]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return now_ >= time || stop.stop_requested(); };
  // Whoever lets go of the mutex has the conditions of the others looked at. It ends after the lock does, for it waits for that.
  const std::stop_callback look_again(stop, [this] { absl::MutexLock lock(&mutex_); });
  absl::MutexLock lock(&mutex_);
  const auto sleeper = sleepers_.insert(time);
  mutex_.Await(absl::Condition(&over));
  sleepers_.erase(sleeper);
  return now_ >= time;
}

bool FakeClock::AwaitSleepers(int count, std::chrono::nanoseconds limit) const {
  const auto asleep = [this, count]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return std::distance(sleepers_.upper_bound(now_), sleepers_.end()) >= count;
  };
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&asleep), absl::FromChrono(limit));
}

}  // namespace userclient::testing
