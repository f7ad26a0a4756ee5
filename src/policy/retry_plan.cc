#include "policy/retry_plan.h"

#include <algorithm>
#include <cmath>

namespace userclient::internal {
namespace {

NextStep End(CallEnd end) { return {.end = end}; }

}  // namespace

NextStep RetryPlan::Next(const AttemptEnd& attempt, TimePoint now, TimePoint deadline, double random) {
  ++attempts_;
  // "Do not come back" is a failure for the throttle whatever the status (A6, "Throttling Retry Attempts and Hedged RPCs").
  const bool failed = attempt.code != absl::StatusCode::kOk;
  const bool refused_for_good = failed && attempt.pushback.stop && attempt.ending == Ending::kPeer;
  const Tokens tokens = refused_for_good ? Tokens::kWithdraw : attempt.judgement.tokens;
  if (throttle_ != nullptr) throttle_->Record(tokens);

  if (!failed) return End(CallEnd::kSucceeded);
  switch (attempt.ending) {
    case Ending::kCallerCancelled:
      return End(CallEnd::kCancelled);
    case Ending::kCallTimeout:
    case Ending::kCallerDeadline:
      return End(CallEnd::kDeadline);
    case Ending::kPeer:
    case Ending::kAttemptTimeout:
      break;
  }
  if (policy_ == nullptr) return End(CallEnd::kNoRetryPolicy);
  if (!attempt.judgement.retryable) return End(CallEnd::kNotRetryable);
  if (attempt.committed) return End(CallEnd::kCommitted);
  if (attempts_ >= policy_->max_attempts) return End(CallEnd::kAttemptsExhausted);
  if (attempt.pushback.stop) return End(CallEnd::kPushedBack);
  if (throttle_ != nullptr && !throttle_->AllowsRetry()) return End(CallEnd::kThrottled);

  NextStep next{.retry = true};
  if (attempt.pushback.delay) {
    next.delay = *attempt.pushback.delay;
    next.reason = AttemptReason::kPushback;
    backoff_step_ = 0;
  } else {
    next.delay = Backoff(random);
    ++backoff_step_;
  }
  // A wait that ends after the deadline could only turn the server's answer into DEADLINE_EXCEEDED.
  if (next.delay >= deadline - now) return End(CallEnd::kDeadline);
  return next;
}

Duration RetryPlan::Backoff(double random) const {
  const double step =
      static_cast<double>(policy_->initial_backoff.count()) * std::pow(policy_->backoff_multiplier, backoff_step_);
  const double capped = std::min(step, static_cast<double>(policy_->max_backoff.count()));
  const double jittered = capped * (0.8 + 0.4 * random);
  // Beyond what a double can tell apart from the largest Duration, the largest Duration will do.
  constexpr double kLongest = 9.2e18;
  return Duration(static_cast<Duration::rep>(std::min(jittered, kLongest)));
}

}  // namespace userclient::internal
