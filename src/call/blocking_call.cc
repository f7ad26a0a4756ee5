#include <chrono>
#include <utility>

#include "call/attempt_context.h"
#include "call/attempt_rules.h"
#include "call/call_gate.h"
#include "call/call_recorder.h"
#include "call/callback_thread.h"
#include "call/client_core.h"
#include "call/interruptible_wait.h"
#include "call/request_metadata.h"
#include "call/seat_wait.h"
#include "policy/retry_plan.h"
#include "transport/status.h"
#include "userclient/internal/call_engine.h"

namespace userclient::internal {

// The whole way of a blocking unary call, from top to bottom (docs/life_of_a_call.md).
absl::Status CallBlocking(ClientCore& core, int method, const CallOptions& options, BlockingAttempt make_attempt) {
  // Plan: everything the method goes by.
  const MethodPlan& plan = core.plan(method);
  Compartment& compartment = *plan.compartment;
  const TimePoint start = Now();
  CallRecorder recorder(plan, options, start);
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
    if (!seat || deadline.at - Now() < kShortestUsefulBudget) {
      return recorder.Reject(Rejection::kBulkheadFull, BulkheadFull(compartment), Now());
    }
  }

  // Attempts, until the retry plan says done.
  RetryPlan retries(plan.retry_policy ? &*plan.retry_policy : nullptr, plan.throttle);
  AttemptReason reason = AttemptReason::kFirst;
  Duration waited{};
  // What was waited for a seat is not the server's time.
  TimePoint began = seat ? Now() : start;
  absl::Status status;
  while (true) {
    Compartment::Admission admission = compartment.Admit(began);
    if (!admission.admitted) {
      if (retries.attempts() > 0) return recorder.Finish(std::move(status), CallEnd::kCircuitOpen, began);
      return recorder.Reject(Rejection::kCircuitOpen, CircuitOpen(compartment, admission.retry_after), began,
                             admission.retry_after);
    }
    const TimePoint attempt_deadline = AttemptDeadline(plan, deadline, began);
    AttemptContext context(options, attempt_deadline, retries.attempts());
    context.CancelOn(options.stop, pass.cancelled());
    if (admission.probe) context.grpc().set_wait_for_ready(false);
    {
      const ChannelPool::Lease channel = compartment.channels().Take();
      status = ToAbslStatus(make_attempt(*channel, context.grpc()));
    }

    if (options.response_metadata != nullptr) context.CopyMetadata(*options.response_metadata);
    if (status.ok() && !recorder.wants_success()) {
      compartment.SettleSuccess(admission.permit, began);
      if (plan.throttle != nullptr) plan.throttle->Record(Tokens::kDeposit);
      return status;
    }

    const TimePoint ended = Now();
    const Ending ending = EndingOf(status.code(), plan, began, ended, attempt_deadline, deadline,
                                   status.code() == absl::StatusCode::kCancelled && interruption.RequestedSoon());
    const Judgement judgement = Judge(status.code(), ending, plan.judged_by ? &*plan.judged_by : nullptr);
    compartment.Settle(admission.permit, judgement, status.code(), ended, ended - began);
    recorder.NoteAttempt(context, status, reason, waited, began, ended);
    const NextStep next = retries.Next({.code = status.code(),
                                        .judgement = judgement,
                                        .ending = ending,
                                        .pushback = context.pushback(),
                                        .committed = !status.ok() && context.ReceivedHeaders()},
                                       ended, deadline.at, Random());
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
    began = Now();
    if (deadline.at - began < kShortestUsefulBudget) return recorder.Finish(std::move(status), CallEnd::kDeadline, began);
    reason = next.reason;
    waited = began - ended;
  }
}

}  // namespace userclient::internal
