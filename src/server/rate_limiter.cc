#include "server/rate_limiter.h"

#include <algorithm>

namespace userclient::internal {

std::optional<std::chrono::nanoseconds> RateLimiter::Take(TimePoint now) {
  using Seconds = std::chrono::duration<double>;
  absl::MutexLock lock(&mutex_);
  // Calls bring their times from many threads, not quite in order.
  const TimePoint since = filled_at_.value_or(now);
  if (now > since) tokens_ = std::min(burst_, tokens_ + Seconds(now - since).count() * per_second_);
  filled_at_ = std::max(now, since);
  if (tokens_ >= 1) {
    tokens_ -= 1;
    return std::nullopt;
  }
  return std::chrono::ceil<std::chrono::nanoseconds>(Seconds((1 - tokens_) / per_second_));
}

}  // namespace userclient::internal
