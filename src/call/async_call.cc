#include "call/async_call.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "call/attempt_rules.h"
#include "call/callback_thread.h"
#include "call/interruptible_wait.h"
#include "call/request_metadata.h"
#include "transport/status.h"

namespace userclient::internal {
AsyncCall::AsyncCall(std::shared_ptr<ClientCore> core, std::shared_ptr<const MethodPlan> plan, CallOptions options,
                     std::unique_ptr<TypedCall> typed, CallRole role, std::shared_ptr<CallObservation> observation)
    : core_(std::move(core)),
      kept_plan_(std::move(plan)),
      plan_(*kept_plan_),
      compartment_(*plan_.compartment),
      options_(std::move(options)),
      typed_(std::move(typed)),
      role_(role),
      start_(Now()),
      deadline_(DeadlineOf(plan_, options_, start_)),
      recorder_(plan_, options_, start_),
      attempt_plan_(plan_, start_, deadline_.at),
      seat_(compartment_, [this] { PostFromOutside({.kind = kSeat}); }) {
  recorder_.Begin(role_, std::move(observation));
}

void AsyncCall::Begin() { BeginWith({.kind = kBegin}); }

void AsyncCall::Handle(Event event) {
  switch (static_cast<EventKind>(event.kind)) {
    case kBegin:
      return OnBegin();
    case kSeat:
      return OnSeat();
    case kAttemptEnded:
      return OnAttemptEnded(attempt(event.attempt));
    case kCancel:
      return OnCancel();
  }
}

void AsyncCall::Attempt::OnDone(grpc::Status status_of_grpc) {
  const CallbackScope scope;
  ended_with = std::move(status_of_grpc);
  call->Post({.kind = kAttemptEnded, .attempt = number});
}

// ---- The way of the call

void AsyncCall::OnBegin() {
  if (absl::Status unusable = CheckMetadata(options_.metadata); !unusable.ok())
    return Finish(std::move(unusable), CallEnd::kRejected);
  pass_ = core_->gate().Enter();
  if (!pass_) return Reject(Rejection::kShutdown, ShutDown());
  // It stays inside, but it is those who wait for it that count as calls.
  if (role_ == CallRole::kFlight) pass_.NoteEnd();
  recorder_.NoteDeadline(deadline_.at);
  if (deadline_.at - start_ < kShortestUsefulBudget) return Reject(Rejection::kDeadlineTooShort, DeadlineTooShort());

  if (cancelled()) return Finish(CancelledWhileWaiting(), CallEnd::kCancelled);
  if (options_.stop.stop_possible()) cancel_on_stop_.emplace(options_.stop, CancelOnStop{this});
  cancel_on_shutdown_.emplace(pass_.cancelled(), CancelOnStop{this});
  Execute(attempt_plan_.Start(start_));
}

/// Does what the plan says, until it says to wait.
void AsyncCall::Execute(HedgeStep step) {
  // A cancellation may come between the end of an attempt and the wait for the next one.
  if (!step.winner && cancelled()) {
    if (under_way_ == 0) Finish(CancelledWhileWaiting(), CallEnd::kCancelled);
    return;
  }
  if (step.send > 0 && !HasSeat()) {
    waiting_step_ = step;
    return;
  }
  // What was waited may have left too little time for any server.
  if (step.send > 0 && under_way_ == 0 && deadline_.at - Now() < kShortestUsefulBudget) return GiveUpSeat(CallEnd::kDeadline);
  while (!step.winner && step.send > 0) {
    --step.send;
    Attempt& next = NextAttempt();
    if (StartAttempt(next, attempts_ == 1 ? AttemptReason::kFirst : attempt_plan_.next_reason())) continue;
    const HedgeStep after = attempt_plan_.Refused(next.number, next.run.began, CallEnd::kCircuitOpen);
    // A call may be refused its hedges for as long as it lives: nothing of them is kept.
    if (!after.winner) TakeBackAttempt();
    step = {.send = step.send + after.send, .timer = after.timer, .winner = after.winner, .end = after.end};
  }
  if (step.winner) return FinishWith(*step.winner, step.end);
  // A call that waits holds no seat.
  if (under_way_ == 0) seat_.Return();
  WaitUntil(step.timer);
}

/// A client that is nearly full has no seat to give to guesses: what makes its calls slow may be that there are too many.
bool AsyncCall::TooFullForHedging() const {
  const ConcurrencyLimiter* limiter = compartment_.limiter();
  return limiter != nullptr && limiter->in_flight() * 5 > limiter->limit() * 4;
}

bool AsyncCall::StartAttempt(Attempt& next, AttemptReason reason) {
  AttemptRun& run = next.run;
  run.began = Now();
  run.reason = reason;
  if (last_to_end_ && under_way_ == 0) run.waited = run.began - last_ended_;
  if (core_->tokens() != nullptr) run.token_generation = core_->tokens()->generation();
  // A fresh token takes no place but that of the attempt that was refused.
  next.refused = under_way_ > 0 && reason != AttemptReason::kFreshToken && TooFullForHedging();
  if (next.refused) return false;
  Compartment::Admission admission = compartment_.Admit(run.began);
  if (!admission.admitted) {
    next.refused = true;
    next.retry_after = admission.retry_after;
    return false;
  }
  run.permit = std::move(admission.permit);
  run.deadline = AttemptDeadline(plan_, deadline_, run.began);
  run.number = sent_++;
  next.context.emplace(options_, run.deadline, run.number,
                       recorder_.NoteAttemptStart({.number = run.number, .reason = reason, .waited = run.waited}));
  if (admission.probe) next.context->grpc().set_wait_for_ready(false);
  next.channel = compartment_.channels().Take();
  next.under_way = true;
  ++under_way_;
  typed_->Start(next.number, *next.channel, next.context->grpc(),
                [attempt = &next](grpc::Status status) { attempt->OnDone(std::move(status)); });
  return true;
}

void AsyncCall::OnAttemptEnded(Attempt& ended) {
  const bool may_be_parent = ended.ended_with.error_code() == grpc::StatusCode::CANCELLED && options_.parent != nullptr;
  if (may_be_parent && !finished_ && !cancelled() && !std::exchange(ended.parent_asked, true)) {
    // A parent's cancellation reaches its children a moment before the parent knows.
    return PostLater({.kind = kAttemptEnded, .attempt = ended.number}, kAskParentEvery);
  }
  ended.under_way = false;
  --under_way_;
  ended.channel = {};
  // The loser of a hedge. Its permit, dropped without a verdict, counts for nothing.
  if (finished_) {
    ended.run.permit = {};
    return;
  }

  ended.status = ToAbslStatus(ended.ended_with);
  last_ended_ = Now();
  last_to_end_ = ended.number;
  if (options_.response_metadata != nullptr) ended.context->CopyMetadata(*options_.response_metadata);
  const bool was_cancelled = !ended.status.ok() && cancelled();
  const AttemptEnd end =
      Conclude(ended.run, plan_, deadline_, *ended.context, ended.status, was_cancelled, last_ended_, recorder_);
  if (!was_cancelled && FreshTokenHelps(ended.run, end.code, core_->tokens(), deadline_, last_ended_) &&
      StartWithFreshToken(ended)) {
    return;
  }
  Execute(attempt_plan_.Ended(ended.number, end, last_ended_, ended.status.ok() ? 0 : Random()));
}

bool AsyncCall::StartWithFreshToken(Attempt& refused) {
  refused.run = {};
  if (StartAttempt(refused, AttemptReason::kFreshToken)) return true;
  refused.refused = false;
  return false;
}

void AsyncCall::OnCancel() {
  if (finished_) return;
  cancelled_ = true;
  for (int i = 0; i < attempts_; ++i) {
    if (attempt(i).under_way) attempt(i).context->grpc().TryCancel();
  }
  // With an attempt under way its own end, CANCELLED, ends the call.
  if (under_way_ == 0) Finish(CancelledWhileWaiting(), CallEnd::kCancelled);
}

AsyncCall::Attempt& AsyncCall::NextAttempt() {
  const int number = attempts_++;
  if (number > 0) others_.push_back(std::make_unique<Attempt>());
  Attempt& next = attempt(number);
  next.call = this;
  next.number = number;
  return next;
}

void AsyncCall::TakeBackAttempt() {
  if (--attempts_ > 0) others_.pop_back();
}

// ---- Seats

bool AsyncCall::HasSeat() {
  if (seat_.Take()) return true;
  if (seat_.waiting()) {
    const TimePoint now = Now();
    WaitUntil(seat_.max_wait() < deadline_.at - now ? now + seat_.max_wait() : deadline_.at);
  } else {
    GiveUpSeat(CallEnd::kBulkheadFull);
  }
  return false;
}

void AsyncCall::OnSeat() {
  seat_.Collect();
  if (finished_) return seat_.Return();
  WaitUntil(std::nullopt);
  Execute(std::exchange(waiting_step_, {}));
}

/// There is none: a first attempt is refused with that, a later one leaves what the one before has brought.
void AsyncCall::GiveUpSeat(CallEnd why) {
  if (!last_to_end_ && why == CallEnd::kDeadline) return Reject(Rejection::kDeadlineTooShort, DeadlineTooShort());
  if (!last_to_end_) return Reject(Rejection::kBulkheadFull, BulkheadFull(compartment_));
  FinishWith(*last_to_end_, why);
}

// ---- Time

void AsyncCall::WaitUntil(std::optional<TimePoint> time) {
  // gRPC tells an attempt that its parent was cancelled, but nobody who merely waits.
  const bool ask_parent = options_.parent != nullptr && under_way_ == 0;
  SetTimer(time, ask_parent ? std::optional(kAskParentEvery) : std::nullopt);
}

void AsyncCall::OnTimer() {
  if (finished_) return;
  if (under_way_ == 0 && cancelled()) return OnCancel();
  if (timer()) return;  // It was only a look.
  if (!seat_.waiting()) return Execute(attempt_plan_.Timer(Now()));
  // Too late for a seat, unless it is just coming.
  if (seat_.LeaveLine()) GiveUpSeat(CallEnd::kBulkheadFull);
}

// ---- The end

void AsyncCall::FinishWith(int winner, CallEnd end) {
  Attempt& won = attempt(winner);
  if (won.refused) return Reject(Rejection::kCircuitOpen, CircuitOpen(compartment_, won.retry_after), won.retry_after);
  const TimePoint now = Now();
  for (int i = 0; i < attempts_; ++i) {
    Attempt& other = attempt(i);
    if (!other.under_way) continue;
    other.context->grpc().TryCancel();
    // It would have taken at least so long; without it the window would only know the quick ones.
    if (won.status.ok() && plan_.latencies != nullptr && other.run.began < won.run.began) {
      plan_.latencies->Record(now - other.run.began, now);
    }
    if (won.status.ok() && !recorder_.wants_success()) continue;
    recorder_.NoteAttempt(other.run.number, *other.context,
                          absl::CancelledError("cancelled here: another attempt had ended the call"), other.run.reason,
                          other.run.waited, other.run.began, now);
  }
  End(recorder_.Finish(won.status, end, now), winner);
}

void AsyncCall::Finish(absl::Status status, CallEnd end) { End(recorder_.Finish(std::move(status), end, Now()), 0); }

void AsyncCall::Reject(Rejection rejection, absl::Status status, std::optional<Duration> retry_after) {
  End(recorder_.Reject(rejection, std::move(status), Now(), retry_after), 0);
}

void AsyncCall::End(absl::Status status, int winner) {
  finished_ = true;
  StopTimer();
  seat_.LeaveLine();
  seat_.Return();
  cancel_on_stop_.reset();
  cancel_on_shutdown_.reset();
  pass_.NoteEnd();
  typed_->Complete(std::move(status), winner);
  pass_ = {};
}

std::shared_ptr<CallHandle> CallAsync(std::shared_ptr<ClientCore> core, std::shared_ptr<const MethodPlan> plan,
                                      CallOptions options, std::unique_ptr<TypedCall> call, CallRole role,
                                      std::shared_ptr<CallObservation> observation) {
  auto async = std::make_shared<AsyncCall>(std::move(core), std::move(plan), std::move(options), std::move(call), role,
                                           std::move(observation));
  async->Begin();
  return async;
}

}  // namespace userclient::internal
