#include "policy/verdict.h"

namespace userclient::internal {
namespace {

Verdict BreakerVerdict(absl::StatusCode code, bool listed) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kDeadlineExceeded:
      return Verdict::kFailure;
    case absl::StatusCode::kResourceExhausted:
      return Verdict::kIgnored;
    default:
      // The server understood the question and answered it: it is alive. Unless the answer is one to be asked again for.
      return listed ? Verdict::kIgnored : Verdict::kSuccess;
  }
}

}  // namespace

Judgement Judge(absl::StatusCode code, Ending ending, const RetryPolicy* retry_policy) {
  if (ending == Ending::kCallerCancelled || ending == Ending::kCallerDeadline) return {};
  if (code == absl::StatusCode::kOk) return {.breaker = Verdict::kSuccess, .tokens = Tokens::kDeposit};

  const auto lists = [&](absl::StatusCode wanted) {
    return retry_policy != nullptr && retry_policy->retryable_status_codes.Contains(wanted);
  };
  bool listed = lists(code);
  if (code == absl::StatusCode::kCancelled) {
    code = absl::StatusCode::kUnavailable;
    listed = listed || lists(code);
  }
  return {
      // Nothing is left of the call's time, so there is nothing to retry with.
      .retryable = listed && ending != Ending::kCallTimeout,
      .breaker = BreakerVerdict(code, listed),
      .tokens = listed ? Tokens::kWithdraw : Tokens::kKeep,
  };
}

}  // namespace userclient::internal
