#include "policy/hedge_plan.h"

#include <algorithm>

namespace userclient::internal {

HedgeStep HedgePlan::Start(TimePoint now) {
  next_ = now;
  return Continue(now);
}

HedgeStep HedgePlan::Timer(TimePoint now) {
  if (finished_) return {};
  return Continue(now);
}

HedgeStep HedgePlan::Ended(int attempt, const AttemptEnd& end, TimePoint now) {
  if (finished_) return {};
  --under_way_;
  // "Do not come back" is a failure for the throttle whatever the status (A6, "Throttling Retry Attempts and Hedged RPCs").
  const bool refused_for_good = end.code != absl::StatusCode::kOk && end.pushback.stop && end.ending == Ending::kPeer;
  if (throttle_ != nullptr) throttle_->Record(refused_for_good ? Tokens::kWithdraw : end.judgement.tokens);

  if (end.code == absl::StatusCode::kOk) return Finish(attempt, CallEnd::kSucceeded);
  switch (end.ending) {
    case Ending::kCallerCancelled:
      return Finish(attempt, CallEnd::kCancelled);
    case Ending::kCallTimeout:
    case Ending::kCallerDeadline:
      return Finish(attempt, CallEnd::kDeadline);
    case Ending::kPeer:
    case Ending::kAttemptTimeout:
      break;
  }
  if (!end.judgement.retryable) return Finish(attempt, CallEnd::kNotRetryable);
  if (end.committed) return Finish(attempt, CallEnd::kCommitted);

  last_failure_ = attempt;
  next_ = now + end.pushback.delay.value_or(std::chrono::milliseconds::zero());
  if (end.pushback.stop) {
    stopped_ = CallEnd::kPushedBack;
  } else if (throttle_ != nullptr && !throttle_->AllowsRetry() && !stopped_) {
    stopped_ = CallEnd::kThrottled;
  }
  return Continue(now);
}

HedgeStep HedgePlan::Refused(int attempt, TimePoint now, CallEnd why) {
  if (finished_) return {};
  --under_way_;
  --sent_;
  // Nothing is left that could still answer, and what refused this attempt would refuse the next one too.
  if (under_way_ == 0) return last_failure_ ? Finish(*last_failure_, why) : Finish(attempt, CallEnd::kRejected);
  next_.reset();
  // Without a delay there is no time that would be a better one, short of an attempt that fails.
  if (delay_.value_or(Duration::zero()) > Duration::zero()) next_ = now + *delay_;
  return Continue(now);
}

/// Asks for all attempts that are due, and says when the next one will be, or that there is nothing left to hope for.
HedgeStep HedgePlan::Continue(TimePoint now) {
  HedgeStep step;
  while (next_ && *next_ <= now && MaySend()) {
    ++step.send;
    ++asked_;
    ++sent_;
    ++under_way_;
    next_.reset();
    if (delay_) next_ = now + *delay_;
  }
  const bool more = !stopped_ && sent_ < policy_.max_attempts && next_ && *next_ < deadline_;
  if (more) step.timer = next_;
  if (under_way_ == 0 && !more) return Finish(*last_failure_, WhyNoMore());
  return step;
}

HedgeStep HedgePlan::Finish(int winner, CallEnd end) {
  finished_ = true;
  return {.winner = winner, .end = end};
}

bool HedgePlan::MaySend() {
  if (stopped_ || sent_ >= policy_.max_attempts) return false;
  // The first attempt is sent whatever the throttle says.
  if (asked_ > 0 && throttle_ != nullptr && !throttle_->AllowsRetry()) stopped_ = CallEnd::kThrottled;
  return !stopped_;
}

CallEnd HedgePlan::WhyNoMore() const {
  if (sent_ >= policy_.max_attempts) return CallEnd::kAttemptsExhausted;
  return stopped_.value_or(CallEnd::kDeadline);
}

std::optional<Duration> HedgingDelay(std::optional<Duration> percentile, Duration longest) {
  if (!percentile) return std::nullopt;
  constexpr Duration kShortest = std::chrono::milliseconds(1);
  return std::max(kShortest, std::min(*percentile, longest));
}

}  // namespace userclient::internal
