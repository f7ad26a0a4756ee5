#pragma once

#include <chrono>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace userclient::internal {

/// A token bucket: so many calls a second on average, and `burst` at once after a pause. *Thread-safe.*
class RateLimiter {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// Both more than 0. The bucket begins full.
  RateLimiter(double per_second, int burst) : per_second_(per_second), burst_(burst), tokens_(burst) {}

  /// nullopt: the call may go on. Otherwise the time after which one may.
  std::optional<std::chrono::nanoseconds> Take(TimePoint now);

 private:
  const double per_second_;
  const double burst_;
  absl::Mutex mutex_;
  double tokens_ ABSL_GUARDED_BY(mutex_);
  std::optional<TimePoint> filled_at_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace userclient::internal
