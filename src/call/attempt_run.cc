#include "call/attempt_run.h"

#include <algorithm>

#include "transport/bearer_token_credentials.h"

namespace userclient::internal {
namespace {

/// Who ended an attempt with this status.
Ending EndingOf(absl::StatusCode code, const AttemptRun& run, const MethodPlan& plan, const CallDeadline& deadline,
                bool cancelled_by_caller, TimePoint ended) {
  if (code == absl::StatusCode::kCancelled) return cancelled_by_caller ? Ending::kCallerCancelled : Ending::kPeer;
  // A server's clock may be some ticks ahead of ours when it gives up at the deadline that we sent: gRPC's own lags under load.
  constexpr Duration kTick = std::chrono::milliseconds(3);
  if (code != absl::StatusCode::kDeadlineExceeded || ended + kTick < run.deadline) return Ending::kPeer;
  if (run.deadline < deadline.at) return Ending::kAttemptTimeout;
  if (deadline.shortened_by_caller) return Ending::kCallerDeadline;
  // What earlier attempts and waits left of the call's time may have been too little for any server.
  Duration fair = plan.timeout;
  if (plan.retry_policy && plan.retry_policy->per_attempt_recv_timeout) {
    fair = std::min(fair, *plan.retry_policy->per_attempt_recv_timeout);
  }
  return run.deadline - run.began < fair - fair / 10 ? Ending::kCallerDeadline : Ending::kCallTimeout;
}

}  // namespace

TimePoint AttemptDeadline(const MethodPlan& plan, const CallDeadline& deadline, TimePoint now) {
  if (!plan.retry_policy || !plan.retry_policy->per_attempt_recv_timeout) return deadline.at;
  const Duration limit = *plan.retry_policy->per_attempt_recv_timeout;
  return limit < deadline.at - now ? now + limit : deadline.at;
}

AttemptEnd Conclude(AttemptRun& run, const MethodPlan& plan, const CallDeadline& deadline, const AttemptContext& context,
                    const absl::Status& status, bool cancelled_by_caller, TimePoint ended, CallRecorder& recorder) {
  const Duration took = ended - run.began;
  AttemptEnd end = {.code = status.code(), .ending = EndingOf(status.code(), run, plan, deadline, cancelled_by_caller, ended)};
  end.judgement = Judge(end.code, end.ending, plan.judged_by ? &*plan.judged_by : nullptr);
  // Nothing was sent, so it says nothing of the server.
  if (EndedWithoutToken(status)) end.judgement.breaker = Verdict::kIgnored;
  if (!run.settled) plan.compartment->Settle(run.permit, end.judgement, end.code, ended, took);
  if (status.ok()) {
    if (plan.latencies != nullptr) plan.latencies->Record(took, ended);
  } else {
    end.pushback = context.pushback();
    end.committed = context.ReceivedHeaders();
  }
  if (!status.ok()) plan.compartment->traffic().CountFailedAttempt();
  if (!status.ok() || recorder.wants_success()) {
    recorder.NoteAttempt(run.number, context, status, run.reason, run.waited, run.began, ended);
  }
  return end;
}

bool FreshTokenHelps(const AttemptRun& run, absl::StatusCode code, TokenCache* tokens, const CallDeadline& deadline,
                     TimePoint ended) {
  if (code != absl::StatusCode::kUnauthenticated || tokens == nullptr || run.reason == AttemptReason::kFreshToken) return false;
  return deadline.at - ended >= kShortestUsefulBudget && tokens->RefreshAfter(run.token_generation);
}

}  // namespace userclient::internal
