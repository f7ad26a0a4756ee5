#include "policy/retry_throttle.h"

#include <algorithm>

namespace userclient::internal {

RetryThrottle::RetryThrottle(const RetryThrottling& options)
    : options_(options),
      max_milli_tokens_(options.max_tokens * 1000),
      milli_token_ratio_(options.milli_token_ratio),
      milli_tokens_(max_milli_tokens_) {}

RetryThrottle::RetryThrottle(const RetryThrottling& options, const RetryThrottle& before) : RetryThrottle(options) {
  const int64_t left = before.milli_tokens_.load(std::memory_order_relaxed);
  milli_tokens_.store(static_cast<int32_t>(left * max_milli_tokens_ / before.max_milli_tokens_), std::memory_order_relaxed);
}

void RetryThrottle::Record(Tokens change) {
  if (change == Tokens::kKeep) return;
  const int32_t step = change == Tokens::kDeposit ? milli_token_ratio_ : -1000;
  int32_t before = milli_tokens_.load(std::memory_order_relaxed);
  int32_t after = 0;
  do {
    after = std::clamp(before + step, 0, max_milli_tokens_);
    // A full bucket is the normal state: do not take the cache line from the other cores for nothing.
    if (after == before) return;
  } while (!milli_tokens_.compare_exchange_weak(before, after, std::memory_order_relaxed));
}

}  // namespace userclient::internal
