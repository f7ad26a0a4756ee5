#include "call/unary_call.h"

#include <chrono>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "call/attempt_context.h"
#include "call/backoff_wait.h"
#include "call/call_recorder.h"
#include "call/request_metadata.h"
#include "policy/deadline.h"
#include "policy/retry_plan.h"
#include "policy/verdict.h"
#include "transport/status.h"

namespace userclient::internal {
namespace {

TimePoint Now() { return std::chrono::steady_clock::now(); }

/// Uniform in [0, 1).
double Random() {
  thread_local absl::InsecureBitGen generator;
  return absl::Uniform(generator, 0.0, 1.0);
}

CallDeadline DeadlineOf(const MethodPlan& plan, const CallOptions& options, TimePoint now) {
  const auto parent = options.parent != nullptr ? ParentDeadline(*options.parent, now) : std::nullopt;
  return PlanDeadline(now, plan.timeout, options.timeout, parent);
}

TimePoint AttemptDeadline(const MethodPlan& plan, const CallDeadline& deadline, TimePoint now) {
  if (!plan.retry_policy || !plan.retry_policy->per_attempt_recv_timeout) return deadline.at;
  const Duration limit = *plan.retry_policy->per_attempt_recv_timeout;
  return limit < deadline.at - now ? now + limit : deadline.at;
}

/// Who ended an attempt that failed.
Ending EndingOf(absl::StatusCode code, TimePoint ended, TimePoint attempt_deadline, const CallDeadline& deadline,
                const CallOptions& options) {
  if (code == absl::StatusCode::kCancelled) return CancelledByCaller(options) ? Ending::kCallerCancelled : Ending::kPeer;
  // A server's clock may be a tick ahead of ours when it gives up at the deadline that we sent.
  constexpr Duration kTick = std::chrono::milliseconds(1);
  if (code != absl::StatusCode::kDeadlineExceeded || ended + kTick < attempt_deadline) return Ending::kPeer;
  if (attempt_deadline < deadline.at) return Ending::kAttemptTimeout;
  return deadline.shortened_by_caller ? Ending::kCallerDeadline : Ending::kCallTimeout;
}

}  // namespace

absl::Status UnaryCall(const MethodPlan& plan, const CallOptions& options, UnaryAttempt make_attempt) {
  const TimePoint start = Now();
  CallRecorder recorder(plan, options, start);
  if (absl::Status unusable = CheckMetadata(options.metadata); !unusable.ok()) {
    return recorder.Finish(std::move(unusable), CallEnd::kRejected, start);
  }

  // Deadline: one absolute point in time for everything below.
  const CallDeadline deadline = DeadlineOf(plan, options, start);
  recorder.NoteDeadline(deadline.at);
  if (deadline.at - start < kShortestUsefulBudget) {
    return recorder.Reject(Rejection::kDeadlineTooShort,
                           absl::DeadlineExceededError("less than 1 ms was left before the deadline; nothing was sent"), start);
  }

  // Bulkhead: the method's compartment, whose connections nobody else uses.
  Compartment& compartment = *plan.compartment;

  // Attempts, until the retry plan says done.
  RetryPlan retries(plan.retry_policy ? &*plan.retry_policy : nullptr, plan.throttle);
  AttemptReason reason = AttemptReason::kFirst;
  Duration waited{};
  TimePoint began = start;
  while (true) {
    const PooledChannel& channel = compartment.NextChannel();
    const TimePoint attempt_deadline = AttemptDeadline(plan, deadline, began);
    AttemptContext context(options, attempt_deadline, retries.attempts());
    const grpc::Status sent = make_attempt(channel, context.grpc());

    absl::Status status = ToAbslStatus(sent);
    if (options.response_metadata != nullptr) context.CopyMetadata(*options.response_metadata);
    if (status.ok() && !recorder.wants_success()) {
      if (plan.throttle != nullptr) plan.throttle->Record(Tokens::kDeposit);
      return status;
    }

    const TimePoint ended = Now();
    recorder.NoteAttempt(context, status, reason, waited, began, ended);
    const Ending ending = EndingOf(status.code(), ended, attempt_deadline, deadline, options);
    const NextStep next =
        retries.Next({.code = status.code(),
                      .judgement = Judge(status.code(), ending, plan.retry_policy ? &*plan.retry_policy : nullptr),
                      .ending = ending,
                      .pushback = context.pushback(),
                      .committed = context.ReceivedHeaders()},
                     ended, deadline.at, Random());
    if (!next.retry) return recorder.Finish(std::move(status), next.end, ended);
    if (!WaitUnlessCancelled(ended + next.delay, options)) {
      return recorder.Finish(absl::CancelledError("cancelled by the caller between two attempts"), CallEnd::kCancelled, Now());
    }
    reason = next.reason;
    began = Now();
    waited = began - ended;
  }
}

}  // namespace userclient::internal
