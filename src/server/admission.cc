#include "server/admission.h"

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"

namespace userclient::internal {

absl::Status Admission::Check(const UserServerOptions& options) {
  if (options.max_concurrent_calls && *options.max_concurrent_calls < 1) {
    return absl::InvalidArgumentError("max_concurrent_calls: must be at least 1");
  }
  if (!options.rate_limit) return absl::OkStatus();
  // Less than a call in 17 minutes is a mistake, and far less would be a time to wait that no clock knows.
  if (!(options.rate_limit->per_second >= 0.001) || !std::isfinite(options.rate_limit->per_second)) {
    return absl::InvalidArgumentError("rate_limit.per_second: must be at least 0.001");
  }
  if (options.rate_limit->burst < 1) return absl::InvalidArgumentError("rate_limit.burst: must be at least 1");
  return absl::OkStatus();
}

Admission::Admission(const UserServerOptions& options, std::shared_ptr<const TokenCheck> tokens)
    : tokens_(std::move(tokens)),
      require_deadline_(options.require_deadline),
      max_concurrent_calls_(options.max_concurrent_calls) {
  if (options.rate_limit) {
    rate_limiter_ = std::make_unique<RateLimiter>(options.rate_limit->per_second, options.rate_limit->burst);
  }
}

Admission::Decision Admission::Admit(const Arrival& arrival) {
  if (tokens_ != nullptr) {
    if (absl::Status status = tokens_->Check(arrival.authorization); !status.ok()) return {.status = std::move(status)};
  }
  if (require_deadline_ && arrival.lacks_deadline) {
    return {.status = absl::InvalidArgumentError(
                "this server takes no call without a deadline; set one in the client: a timeout for the call or for its method")};
  }
  Seat seat;
  if (max_concurrent_calls_) {
    seat = Seat(&in_flight_);
    if (in_flight_.fetch_add(1, std::memory_order_relaxed) >= *max_concurrent_calls_) {
      return {.status = absl::ResourceExhaustedError(
                  absl::StrCat("the server is busy: ", *max_concurrent_calls_, " calls are in flight, which is its limit"))};
    }
  }
  if (rate_limiter_ == nullptr) return {.seat = std::move(seat)};
  const std::optional<std::chrono::nanoseconds> wait = rate_limiter_->Take(arrival.now);
  if (!wait) return {.seat = std::move(seat)};
  // gRPC knows whole milliseconds; a client that comes back before the time would be refused again.
  const auto pushback = std::chrono::ceil<std::chrono::milliseconds>(*wait);
  return {.status = absl::ResourceExhaustedError(
              absl::StrCat("the rate limit of this server is reached; try again in ", pushback.count(), " ms")),
          .pushback = pushback};
}

}  // namespace userclient::internal
