#include "call/shared_call.h"

#include <algorithm>
#include <utility>

#include "call/attempt_context.h"
#include "call/attempt_rules.h"
#include "call/callback_thread.h"
#include "call/interruptible_wait.h"
#include "call/request_metadata.h"
#include "telemetry/trace_context.h"

namespace userclient::internal {

SharedCall::SharedCall(std::shared_ptr<ClientCore> core, int method, std::shared_ptr<const MethodPlan> plan, CallOptions options,
                       std::string key, std::shared_ptr<TypedCall> typed, std::shared_ptr<CallObservation> observation)
    : core_(std::move(core)),
      method_(method),
      kept_plan_(std::move(plan)),
      plan_(*kept_plan_),
      options_(std::move(options)),
      start_(Now()),
      deadline_(DeadlineOf(plan_, options_, start_)),
      stand_in_(plan_.answers.get(), options_.fallback, std::move(key), options_.report, observation),
      typed_(std::move(typed)),
      recorder_(plan_, options_, start_) {
  recorder_.Begin(CallRole::kCall, std::move(observation));
}

void SharedCall::Begin() {
  // Nobody else knows this call yet, but its stop token.
  const auto refuse = [this](auto finish) {
    if (Claim()) End(finish(), 0);
  };
  if (absl::Status unusable = CheckMetadata(options_.metadata); !unusable.ok())
    return refuse([&] { return recorder_.Finish(std::move(unusable), CallEnd::kRejected, start_); });
  pass_ = core_->gate().Enter();
  if (!pass_) return refuse([&] { return recorder_.Reject(Rejection::kShutdown, ShutDown(), start_); });
  recorder_.NoteDeadline(deadline_.at);
  if (deadline_.at - start_ < kShortestUsefulBudget)
    return refuse([&] { return recorder_.Reject(Rejection::kDeadlineTooShort, DeadlineTooShort(), start_); });
  if (CancelledByCaller(options_))
    return refuse([&] { return recorder_.Finish(CancelledWhileWaiting(), CallEnd::kCancelled, start_); });

  if (options_.stop.stop_possible()) cancel_on_stop_.emplace(options_.stop, CancelOnStop{this});
  if (ended()) return;
  flights().Join(shared_from_this());
  // Cancelled before it had joined, it could not leave.
  if (ended()) return flights().Leave(*this);
  StartAlarm();
}

Flight SharedCall::NewFlight() const {
  // A deadline that the caller shortened is the caller's alone.
  const TimePoint deadline = std::max(deadline_.at, PlanDeadline(start_, plan_.timeout, {}, {}).at);
  return {.key = key(), .began = start_, .deadline = deadline, .carrier = typed_};
}

CallOptions SharedCall::FlightOptions() const {
  CallOptions options{.metadata = options_.metadata};
  std::erase_if(options.metadata, [](const auto& pair) { return IsTraceHeader(pair.first); });
  AppendTrace(InboundTrace(options_), options.metadata);
  return options;
}

void SharedCall::OnLanded(const Flight& flight, const absl::Status& status, int winner) {
  if (!Claim()) return;
  const bool first = typed_ == flight.carrier;
  if (options_.response_metadata != nullptr) *options_.response_metadata = flight.metadata;
  if (status.ok() && !first) {
    typed_->response(kStandIn).CheckTypeAndMergeFrom(flight.carrier->response(winner));
    winner = kStandIn;
  }
  const AnswerSource source = first ? AnswerSource::kServer : AnswerSource::kShared;
  End(recorder_.FinishShared(status, flight.report, flight.began, source, Now()), winner);
}

void SharedCall::Cancel() {
  // When it is being destroyed, it has ended.
  const std::shared_ptr<SharedCall> self = weak_from_this().lock();
  if (self == nullptr || !Claim()) return;
  LeaveWith(absl::CancelledError("cancelled by the caller"), CallEnd::kCancelled);
}

bool SharedCall::Claim() {
  const std::lock_guard lock(mutex_);
  return !std::exchange(ended_, true);
}

bool SharedCall::ended() {
  const std::lock_guard lock(mutex_);
  return ended_;
}

// ---- Time ----

void SharedCall::StartAlarm() {
  const std::lock_guard lock(mutex_);
  // The flight ends by itself, and with more to tell, for those who have at least its time. gRPC tells nobody who merely waits
  // that their parent was cancelled.
  if (ended_ || (deadline_.at >= flight_->deadline && options_.parent == nullptr)) return;
  self_ = shared_from_this();
  SetAlarm();
}

void SharedCall::SetAlarm() {
  const TimePoint wake = options_.parent != nullptr ? std::min(deadline_.at, Now() + kAskParentEvery) : deadline_.at;
  // A new one each time: the one before may still be in its callback, which is where this is called from.
  alarm_.emplace();
  alarm_->Set(ToTimespec(wake), [this](bool) {
    const CallbackScope scope;
    OnAlarm();
  });
}

void SharedCall::OnAlarm() {
  std::shared_ptr<SharedCall> self;
  bool cancelled = false;
  {
    const std::lock_guard lock(mutex_);
    if (!ended_) {
      cancelled = CancelledByCaller(options_);
      if (!cancelled && Now() < deadline_.at) return SetAlarm();
    }
    self = std::move(self_);
    if (std::exchange(ended_, true)) return;
  }
  if (cancelled) return LeaveWith(absl::CancelledError("cancelled by the caller"), CallEnd::kCancelled);
  LeaveWith(absl::DeadlineExceededError("the deadline passed while the same request was under way for another call too"),
            CallEnd::kDeadline);
}

// ---- The end ----

void SharedCall::LeaveWith(absl::Status status, CallEnd end) {
  flights().Leave(*this);
  End(recorder_.Finish(std::move(status), end, Now()), 0);
}

void SharedCall::End(absl::Status status, int winner) {
  {
    // One that is not out any more takes no notice.
    const std::lock_guard lock(mutex_);
    if (self_ != nullptr) alarm_->Cancel();
  }
  const CallbackScope scope;
  if (!status.ok() && stand_in_.Answer(status, typed_->response(kStandIn))) {
    status = absl::OkStatus();
    winner = kStandIn;
  }
  stand_in_.End();
  pass_.NoteEnd();
  typed_->Complete(std::move(status), winner);
  pass_ = {};
}

}  // namespace userclient::internal
