#include "policy/resume_plan.h"

#include <algorithm>
#include <cmath>

namespace userclient::internal {
namespace {

enum class Outlook {
  /// Another server, or the same one later, will do.
  kTransient,
  /// It may be the server's passing trouble, or a mistake that every server makes.
  kDoubtful,
  /// The answer would be the same everywhere.
  kHopeless,
};

Outlook OutlookAfter(absl::StatusCode code) {
  switch (code) {
    // A good end of a stream that should have none.
    case absl::StatusCode::kOk:
    case absl::StatusCode::kUnavailable:
    // Of a server that goes down; those of the caller do not come here.
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kAborted:
      return Outlook::kTransient;
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDataLoss:
      return Outlook::kDoubtful;
    default:
      return Outlook::kHopeless;
  }
}

NextStep End(CallEnd end) { return {.end = end}; }

}  // namespace

NextStep ResumePlan::Next(const AttemptEnd& attempt, bool progressed, TimePoint now, TimePoint deadline, double random) {
  const bool ok = attempt.code == absl::StatusCode::kOk;
  if (ok && !rules_.endless) return End(CallEnd::kSucceeded);
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
  const Outlook outlook = OutlookAfter(attempt.code);
  if (outlook == Outlook::kHopeless) return End(CallEnd::kNotRetryable);

  if (progressed) failures_ = 0;
  ++failures_;
  if (throttle_ != nullptr) throttle_->Record(progressed ? Tokens::kDeposit : Tokens::kWithdraw);
  const bool limited = !rules_.endless || outlook == Outlook::kDoubtful;
  if (limited && failures_ > rules_.max_failures) return End(CallEnd::kAttemptsExhausted);
  if (attempt.pushback.stop) return End(CallEnd::kPushedBack);
  if (!rules_.endless && throttle_ != nullptr && !throttle_->AllowsRetry()) return End(CallEnd::kThrottled);

  NextStep next{.retry = true, .delay = Backoff(random), .reason = AttemptReason::kResume};
  // Without a limit to the attempts, a server that says "at once" would be asked as fast as it can answer.
  const Duration shortest = rules_.endless ? rules_.initial_backoff : Duration::zero();
  if (attempt.pushback.delay && *attempt.pushback.delay >= shortest) next.delay = *attempt.pushback.delay;
  if (next.delay >= deadline - now) return End(CallEnd::kDeadline);
  return next;
}

Duration ResumePlan::Backoff(double random) const {
  const double step = static_cast<double>(rules_.initial_backoff.count()) * std::pow(2, failures_ - 1);
  const double capped = std::min(step, static_cast<double>(rules_.max_backoff.count()));
  return Duration(static_cast<Duration::rep>(capped * (0.8 + 0.4 * random)));
}

}  // namespace userclient::internal
