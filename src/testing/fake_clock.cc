#include "userclient/testing/fake_clock.h"

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
  MoveTo(now_ + duration);
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

void FakeClock::SleepUntil(TimePoint time) const {
  const auto reached = [this, time]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return now_ >= time; };
  absl::MutexLock lock(&mutex_);
  const auto sleeper = sleepers_.insert(time);
  mutex_.Await(absl::Condition(&reached));
  sleepers_.erase(sleeper);
}

bool FakeClock::AwaitSleepers(int count, std::chrono::nanoseconds limit) const {
  const auto asleep = [this, count]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return std::distance(sleepers_.upper_bound(now_), sleepers_.end()) >= count;
  };
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&asleep), absl::FromChrono(limit));
}

}  // namespace userclient::testing
