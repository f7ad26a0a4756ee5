#pragma once

#include <atomic>
#include <cstdint>

#include "policy/verdict.h"
#include "userclient/service_config.h"

namespace userclient::internal {

/// The token bucket of gRFC A6: a client whose calls mostly fail stops retrying, so that retries do not keep a sick server down.
/// One per client, over all its methods. *Thread-safe, never blocks.*
class RetryThrottle {
 public:
  explicit RetryThrottle(const RetryThrottling& options);

  /// Takes the place of another one, and is as full as that was (as gRPC does when a new config arrives).
  RetryThrottle(const RetryThrottling& options, const RetryThrottle& before);

  const RetryThrottling& options() const { return options_; }

  /// Counts the end of an attempt.
  void Record(Tokens change);

  /// Whether retries may be made now: more than half of the tokens are there.
  bool AllowsRetry() const { return milli_tokens_.load(std::memory_order_relaxed) > max_milli_tokens_ / 2; }

  double tokens() const { return milli_tokens_.load(std::memory_order_relaxed) / 1000.0; }

 private:
  const RetryThrottling options_;
  const int32_t max_milli_tokens_;
  const int32_t milli_token_ratio_;
  std::atomic<int32_t> milli_tokens_;
};

}  // namespace userclient::internal
