#include "call/blocking_call.h"

#include <chrono>
#include <utility>

#include "call/attempt_context.h"
#include "call/attempt_rules.h"
#include "call/attempt_run.h"
#include "call/call_gate.h"
#include "call/call_recorder.h"
#include "call/callback_thread.h"
#include "call/client_core.h"
#include "call/interruptible_wait.h"
#include "call/request_metadata.h"
#include "call/seat_wait.h"
#include "policy/retry_plan.h"
#include "transport/status.h"

namespace userclient::internal {

// The whole way of a blocking unary call, from top to bottom (docs/life_of_a_call.md).
absl::Status CallBlocking(ClientCore& core, const MethodPlan& plan, const CallOptions& options, BlockingAttempt make_attempt,
                          std::shared_ptr<CallObservation> observation) {
  // Plan: everything the method goes by, as it was when the call began.
  Compartment& compartment = *plan.compartment;
  const TimePoint start = Now();
  CallRecorder recorder(plan, options, start);
  recorder.Begin(CallRole::kCall, std::move(observation));
  if (absl::Status unusable = CheckCall(options); !unusable.ok())
    return recorder.Finish(std::move(unusable), CallEnd::kRejected, start);
  const CallGate::Pass pass = core.gate().Enter();
  if (!pass) return recorder.Reject(Rejection::kShutdown, ShutDown(), start);
  const Interruption interruption(options, pass.cancelled());

  // Deadline: one absolute point in time for everything below.
  const CallDeadline deadline = DeadlineOf(plan, options, start);
  recorder.NoteDeadline(deadline.at);
  if (deadline.at - start < kShortestUsefulBudget)
    return recorder.Reject(Rejection::kDeadlineTooShort, DeadlineTooShort(), start);

  if (interruption.requested()) return recorder.Finish(CancelledWhileWaiting(), CallEnd::kCancelled, start);

  // Bulkhead: a seat in the method's compartment, whose connections nobody else uses.
  ConcurrencyLimiter::Seat seat;
  if (compartment.limiter() != nullptr) {
    seat = TakeSeat(compartment, deadline.at, options, pass.cancelled());
    if (!seat && interruption.requested()) return recorder.Finish(CancelledWhileWaiting(), CallEnd::kCancelled, Now());
    const TimePoint now = Now();
    if (!seat) return recorder.Reject(Rejection::kBulkheadFull, BulkheadFull(compartment), now);
    // What was waited may have left too little time for any server.
    if (deadline.at - now < kShortestUsefulBudget) return recorder.Reject(Rejection::kDeadlineTooShort, DeadlineTooShort(), now);
  }

  // Attempts, until the retry plan says done.
  RetryPlan retries(plan.retry_policy ? &*plan.retry_policy : nullptr, plan.throttle.get());
  // What was waited for a seat is not the server's time.
  AttemptRun run = {.began = seat ? Now() : start};
  // What the server is told of; a fresh token's attempt is none of the plan's.
  int sent = 0;
  absl::Status status;
  while (true) {
    Compartment::Admission admission = compartment.Admit(run.began);
    if (!admission.admitted) {
      if (sent > 0) return recorder.Finish(std::move(status), CallEnd::kCircuitOpen, run.began);
      return recorder.Reject(Rejection::kCircuitOpen, CircuitOpen(compartment, admission.retry_after), run.began,
                             admission.retry_after);
    }
    run.permit = std::move(admission.permit);
    run.deadline = AttemptDeadline(plan, deadline, run.began);
    if (core.tokens() != nullptr) run.token_generation = core.tokens()->generation();
    run.number = sent++;
    AttemptContext context(options, run.deadline, run.number,
                           recorder.NoteAttemptStart({.number = run.number, .reason = run.reason, .waited = run.waited}));
    context.CancelOn(options.stop, pass.cancelled());
    if (admission.probe) context.grpc().set_wait_for_ready(false);
    {
      const ChannelPool::Lease channel = compartment.channels().Take();
      status = ToAbslStatus(make_attempt(*channel, context.grpc()));
    }

    if (options.response_metadata != nullptr) context.CopyMetadata(*options.response_metadata);
    if (status.ok() && !recorder.wants_success()) {
      compartment.SettleSuccess(run.permit, run.began);
      if (plan.throttle != nullptr) plan.throttle->Record(Tokens::kDeposit);
      return status;
    }

    const TimePoint ended = Now();
    const bool cancelled = status.code() == absl::StatusCode::kCancelled && interruption.RequestedSoon();
    const AttemptEnd end = Conclude(run, plan, deadline, context, status, cancelled, ended, recorder);
    if (FreshTokenHelps(run, end.code, core.tokens(), deadline, ended)) {
      run = {.reason = AttemptReason::kFreshToken, .waited = {}, .began = Now()};
      continue;
    }
    const NextStep next = retries.Next(end, ended, deadline.at, Random());
    if (!next.retry) return recorder.Finish(std::move(status), next.end, ended);

    // A call that waits holds no seat.
    seat.Return();
    if (!interruption.Sleep(ended + next.delay)) {
      return recorder.Finish(CancelledWhileWaiting(), CallEnd::kCancelled, Now());
    }
    if (compartment.limiter() != nullptr) {
      seat = TakeSeat(compartment, deadline.at, options, pass.cancelled());
      if (!seat && interruption.requested()) {
        return recorder.Finish(CancelledWhileWaiting(), CallEnd::kCancelled, Now());
      }
      if (!seat) return recorder.Finish(std::move(status), CallEnd::kBulkheadFull, Now());
    }
    const TimePoint now = Now();
    if (deadline.at - now < kShortestUsefulBudget) return recorder.Finish(std::move(status), CallEnd::kDeadline, now);
    run = {.reason = next.reason, .waited = now - ended, .began = now};
  }
}

absl::Status CallBlocking(ClientCore& core, int method, const CallOptions& options, BlockingAttempt attempt) {
  const std::shared_ptr<const MethodPlan> plan = core.plan(method);
  return CallBlocking(core, *plan, options, attempt, CallObservation::Begin(*plan, options));
}

}  // namespace userclient::internal
