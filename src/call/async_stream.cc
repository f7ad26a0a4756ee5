#include "call/async_stream.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "call/attempt_rules.h"
#include "call/callback_thread.h"
#include "call/interruptible_wait.h"
#include "call/request_metadata.h"
#include "transport/status.h"

namespace userclient::internal {
namespace {

/// While the breaker is open and cannot say for how long.
constexpr Duration kAskBreakerEvery = std::chrono::seconds(1);
/// A server that has sent its last message and does not say so.
constexpr Duration kWaitForEnd = std::chrono::seconds(1);

/// An endless stream has none, unless its caller sets one.
CallDeadline DeadlineOf(const MethodPlan& plan, const CallOptions& options, const StreamKind& kind, TimePoint now) {
  if (!kind.endless || options.timeout) return DeadlineOf(plan, options, now);
  const auto parent = options.parent != nullptr ? ParentDeadline(*options.parent, now) : std::nullopt;
  return PlanDeadline(now, Duration::max(), std::nullopt, parent);
}

std::variant<RetryPlan, ResumePlan> PlanFor(const MethodPlan& plan, const StreamKind& kind) {
  if (!kind.resumable) return RetryPlan(plan.retry_policy ? &*plan.retry_policy : nullptr, plan.throttle.get());
  ResumeRules rules{.endless = kind.endless && !kind.gives_up};
  if (plan.retry_policy) {
    rules.initial_backoff = plan.retry_policy->initial_backoff;
    rules.max_backoff = plan.retry_policy->max_backoff;
  }
  return ResumePlan(rules, plan.throttle.get());
}

}  // namespace

AsyncStream::AsyncStream(std::shared_ptr<ClientCore> core, std::shared_ptr<const MethodPlan> plan, CallOptions options,
                         StreamKind kind, std::shared_ptr<TypedStream> typed)
    : core_(std::move(core)),
      kept_plan_(std::move(plan)),
      plan_(*kept_plan_),
      compartment_(*plan_.compartment),
      options_(std::move(options)),
      kind_(kind),
      typed_(std::move(typed)),
      start_(Now()),
      deadline_(DeadlineOf(plan_, options_, kind_, start_)),
      recorder_(plan_, options_, start_),
      attempts_plan_(PlanFor(plan_, kind_)),
      seat_(compartment_, [this] { PostFromOutside({.kind = kSeat}); }) {}

// ---- Events

void AsyncStream::OnRead(bool ok) {
  const CallbackScope scope;
  Post({.kind = ok ? kRead : kReadEnd});
}

void AsyncStream::OnEnded(grpc::Status status) {
  const CallbackScope scope;
  ended_with_ = std::move(status);
  Post({.kind = kEnded});
}

void AsyncStream::Abandon() {
  BetweenEvents([this] {
    abandoned_ = true;
    options_.report = nullptr;
    options_.response_metadata = nullptr;
    options_.parent = nullptr;
    OnCancel();
  });
}

void AsyncStream::Handle(Event event) {
  switch (static_cast<EventKind>(event.kind)) {
    case kBegin:
      return OnBegin();
    case kSeat:
      return OnSeat();
    case kRead:
      reading_ = false;
      return OnMessage();
    case kReadEnd:
      reading_ = false;
      return StopReading();
    case kEnded:
      return OnAttemptEnded();
    case kCancel:
      return OnCancel();
    case kRoom:
      return Read();
  }
}

// ---- The way of the stream

void AsyncStream::OnBegin() {
  // Cancelled before it began.
  if (finished_) return;
  recorder_.Begin(CallRole::kCall, CallObservation::Begin(plan_, options_));
  if (absl::Status unusable = CheckMetadata(options_.metadata); !unusable.ok()) {
    return Finish(std::move(unusable), CallEnd::kRejected);
  }
  pass_ = core_->gate().Enter();
  if (!pass_) return Reject(Rejection::kShutdown, ShutDown());
  if (deadline_.at != TimePoint::max()) recorder_.NoteDeadline(deadline_.at);
  if (deadline_.at - start_ < kShortestUsefulBudget) return Reject(Rejection::kDeadlineTooShort, DeadlineTooShort());
  if (cancelled()) return Finish(CancelledWhileWaiting(), CallEnd::kCancelled);
  if (absl::Status unable = typed_->Prepare(); !unable.ok()) return Finish(std::move(unable), CallEnd::kRejected);
  if (options_.stop.stop_possible()) cancel_on_stop_.emplace(options_.stop, CancelOnStop{this});
  // One that has no end of its own would take all the time that a shutdown leaves the others.
  cancel_on_shutdown_.emplace(kind_.endless && !kind_.gives_up ? pass_.closing() : pass_.cancelled(), CancelOnStop{this});

  if (seat_.Take()) return StartAttempt(AttemptReason::kFirst);
  if (!seat_.waiting()) return Reject(Rejection::kBulkheadFull, BulkheadFull(compartment_));
  WaitFor(seat_.max_wait() < deadline_.at - start_ ? start_ + seat_.max_wait() : deadline_.at, AttemptReason::kFirst);
}

void AsyncStream::OnSeat() {
  seat_.Collect();
  if (finished_) return seat_.Return();
  StartAttempt(AttemptReason::kFirst);
}

void AsyncStream::StartAttempt(AttemptReason reason) {
  const TimePoint now = Now();
  if (deadline_.at - now < kShortestUsefulBudget) {
    if (sent_ == 0) return Reject(Rejection::kDeadlineTooShort, DeadlineTooShort());
    return GiveUp(CallEnd::kDeadline);
  }
  Compartment::Admission admission = compartment_.Admit(now);
  if (!admission.admitted) return OnRefused(admission);

  run_ = {.reason = reason, .began = now, .deadline = AttemptEndsAt(now), .permit = std::move(admission.permit)};
  if (sent_ > 0) run_.waited = now - last_ended_;
  if (core_->tokens() != nullptr) run_.token_generation = core_->tokens()->generation();
  progressed_ = garbage_ = silent_ = parent_asked_ = false;
  run_.number = sent_++;
  context_.emplace(options_, run_.deadline, run_.number,
                   recorder_.NoteAttemptStart({.number = run_.number, .reason = reason, .waited = run_.waited}));
  if (admission.probe) context_->grpc().set_wait_for_ready(false);
  channel_ = compartment_.channels().Take();
  under_way_ = true;
  may_read_ = true;
  last_message_ = now;
  typed_->Start(*channel_, context_->grpc(), *this);
  WatchSilence();
  Read();
}

/// A stream that has begun, or that is to live for ever, can wait for the breaker.
void AsyncStream::OnRefused(const Compartment::Admission& admission) {
  const bool waits = kind_.resumable && (sent_ > 0 || (kind_.endless && !kind_.gives_up));
  const Duration wait = std::clamp<Duration>(admission.retry_after.value_or(kAskBreakerEvery), std::chrono::milliseconds(10),
                                             ResumeRules().max_backoff);
  if (waits && wait < deadline_.at - Now()) return WaitFor(Now() + wait, AttemptReason::kResume);
  if (sent_ > 0) return GiveUp(CallEnd::kCircuitOpen);
  Reject(Rejection::kCircuitOpen, CircuitOpen(compartment_, admission.retry_after), admission.retry_after);
}

TimePoint AsyncStream::AttemptEndsAt(TimePoint now) const {
  return kind_.endless && plan_.timeout < deadline_.at - now ? now + plan_.timeout : deadline_.at;
}

// ---- Messages

void AsyncStream::Read() {
  if (!under_way_ || !may_read_ || reading_ || cancelled_ || silent_ || garbage_) return;
  if (!typed_->HasRoom()) return WatchPause();
  reading_ = true;
  if (kind_.idle_timeout) last_message_ = Now();
  typed_->Read();
}

void AsyncStream::OnMessage() {
  // What comes now is not taken, and so will come again if the stream goes on.
  if (cancelled_ || silent_) return StopReading();
  const std::optional<StreamProgress> progress = typed_->Take();
  if (!progress) {
    garbage_ = true;
    return GiveUpAttempt();
  }
  complete_ = *progress == StreamProgress::kLastMessage;
  NoteProgress();
  if (complete_) {
    last_message_ = Now();
    WatchSilence();
  }
  Read();
}

/// The server is alive, and that is what the breaker wants to know; how long the stream goes on says nothing of it.
void AsyncStream::NoteProgress() {
  if (std::exchange(progressed_, true)) return;
  const TimePoint now = Now();
  compartment_.Settle(run_.permit, {.breaker = Verdict::kSuccess}, absl::StatusCode::kOk, now, now - run_.began);
  run_.settled = true;
  has_messages_ = true;
}

void AsyncStream::StopReading() {
  if (!reading_ && std::exchange(may_read_, false)) typed_->StopReading();
}

void AsyncStream::GiveUpAttempt() {
  if (progressed_) context_->KeepPeer();
  context_->grpc().TryCancel();
  StopReading();
}

void AsyncStream::WatchSilence() {
  std::optional<Duration> limit = kind_.idle_timeout;
  // gRFC A6: how long an attempt may take until it brings its first message.
  if (!progressed_ && plan_.retry_policy && plan_.retry_policy->per_attempt_recv_timeout) {
    limit = plan_.retry_policy->per_attempt_recv_timeout;
  }
  if (complete_) limit = std::min(limit.value_or(kWaitForEnd), kWaitForEnd);
  if (!limit) return SetTimer(std::nullopt);
  const TimePoint since = SilentSince().value_or(Now());
  SetTimer(since + std::min(*limit, TimePoint::max() - since));
}

/// gRPC tells of the end of an attempt only to one who reads.
void AsyncStream::WatchPause() {
  if (run_.deadline == TimePoint::max() || (timer() && *timer() <= run_.deadline)) return;
  SetTimer(run_.deadline);
}

std::optional<TimePoint> AsyncStream::SilentSince() const {
  // Nobody listens to a stream whose application has no room.
  if (!reading_) return std::nullopt;
  if (complete_) return last_message_;
  const std::optional<TimePoint> expected = typed_->ExpectsSince();
  return expected ? std::optional(std::max(*expected, last_message_)) : std::nullopt;
}

// ---- The end of an attempt

void AsyncStream::OnAttemptEnded() {
  const bool may_be_parent = ended_with_.error_code() == grpc::StatusCode::CANCELLED && options_.parent != nullptr;
  if (may_be_parent && !cancelled() && !silent_ && !garbage_ && !std::exchange(parent_asked_, true)) {
    // A parent's cancellation reaches its children a moment before the parent knows.
    return PostLater({.kind = kEnded}, kAskParentEvery);
  }
  SetTimer(std::nullopt);
  under_way_ = false;
  channel_ = {};
  last_ended_ = Now();
  last_status_ = StatusOfAttempt();
  const StreamTurn turn = finished_ ? StreamTurn::kByTheRules : typed_->AttemptEnded(last_status_);
  if (options_.response_metadata != nullptr) context_->CopyMetadata(*options_.response_metadata);
  AttemptEnd end = Conclude(run_, plan_, deadline_, *context_, last_status_, cancelled(), last_ended_, recorder_);
  context_.reset();
  if (finished_) return;

  if (end.ending == Ending::kCallerCancelled || cancelled()) {
    return Finish(absl::CancelledError("cancelled by the caller"), CallEnd::kCancelled);
  }
  if (turn == StreamTurn::kComplete) return Finish(absl::OkStatus(), CallEnd::kSucceeded);
  if (turn == StreamTurn::kAgain) {
    last_status_ = absl::UnavailableError("the stream was not opened again in time");
    return StartAttempt(AttemptReason::kResume);
  }
  if (!progressed_ && FreshTokenHelps(run_, end.code, core_->tokens(), deadline_, last_ended_)) {
    return StartAttempt(AttemptReason::kFreshToken);
  }
  const NextStep next = Next(end);
  if (next.end == CallEnd::kDeadline) return GiveUp(next.end);
  if (!next.retry) return Finish(last_status_, next.end);
  WaitFor(last_ended_ + next.delay, next.reason);
}

absl::Status AsyncStream::StatusOfAttempt() const {
  if (complete_ && !cancelled_) return absl::OkStatus();
  if (garbage_) return absl::InternalError("the server sent bytes that are no message of this stream");
  if (silent_) {
    return absl::DeadlineExceededError(
        absl::StrCat("the server was silent for ", absl::FormatDuration(absl::FromChrono(last_ended_ - last_message_))));
  }
  const bool no_reason = ended_with_.error_message().empty() && ended_with_.error_details().empty();
  if (ended_with_.error_code() == grpc::StatusCode::CANCELLED && no_reason && !cancelled()) {
    // With Finish behind the reads, as everywhere, gRPC 1.83 forgets what it had against a message.
    return absl::CancelledError(
        "cancelled, not by the caller, and for no reason that is given: by the server, or by a newer gRPC because a message was "
        "larger than is allowed or could not be decompressed");
  }
  return ToAbslStatus(ended_with_);
}

NextStep AsyncStream::Next(const AttemptEnd& attempt) {
  if (auto* resumes = std::get_if<ResumePlan>(&attempts_plan_)) {
    return resumes->Next(attempt, progressed_, last_ended_, deadline_.at, Random());
  }
  AttemptEnd end = attempt;
  // What the application has seen cannot be taken back.
  end.committed |= has_messages_ && !last_status_.ok();
  return std::get<RetryPlan>(attempts_plan_).Next(end, last_ended_, deadline_.at, Random());
}

void AsyncStream::WaitFor(TimePoint time, AttemptReason reason) {
  next_reason_ = reason;
  SetTimer(time, options_.parent != nullptr ? std::optional(kAskParentEvery) : std::nullopt);
}

void AsyncStream::OnTimer() {
  if (finished_) return;
  if (under_way_) {
    if (timer()) return;
    if (!reading_ && Now() >= run_.deadline) return StopReading();
    const std::optional<TimePoint> since = SilentSince();
    // The limit may have changed since the timer was set, or the application may just have made room.
    WatchSilence();
    if (!reading_) WatchPause();
    if (!since || !timer() || *timer() > Now()) return;
    last_message_ = *since;
    silent_ = true;
    return GiveUpAttempt();
  }
  if (cancelled()) return OnCancel();
  if (timer()) return;
  if (!seat_.waiting()) return StartAttempt(next_reason_);
  // Too late for a seat, unless it is just coming.
  if (seat_.LeaveLine()) Reject(Rejection::kBulkheadFull, BulkheadFull(compartment_));
}

// ---- The end

void AsyncStream::OnCancel() {
  if (finished_) return;
  cancelled_ = true;
  if (under_way_) GiveUpAttempt();
  // With an attempt under way its own end ends the stream; but for one who has left, nothing is worth a seat any more.
  if (under_way_ && !abandoned_) return;
  Finish(absl::CancelledError("cancelled by the caller"), CallEnd::kCancelled);
}

/// There is no time for another attempt. That the last one may have ended well is no good end of a stream that should have none.
void AsyncStream::GiveUp(CallEnd why) {
  if (last_status_.ok()) {
    last_status_ = absl::DeadlineExceededError("the server had ended the stream, and there was no time to open it again");
  }
  Finish(last_status_, why);
}

void AsyncStream::Finish(absl::Status status, CallEnd end) { End(recorder_.Finish(std::move(status), end, Now())); }

void AsyncStream::Reject(Rejection rejection, absl::Status status, std::optional<Duration> retry_after) {
  End(recorder_.Reject(rejection, std::move(status), Now(), retry_after));
}

void AsyncStream::End(absl::Status status) {
  finished_ = true;
  StopTimer();
  seat_.LeaveLine();
  seat_.Return();
  cancel_on_stop_.reset();
  cancel_on_shutdown_.reset();
  pass_.NoteEnd();
  typed_->Complete(std::move(status));
  pass_ = {};
}

std::shared_ptr<StreamHandle> PrepareStream(std::shared_ptr<ClientCore> core, int method, CallOptions options, StreamKind kind,
                                            std::shared_ptr<TypedStream> typed) {
  std::shared_ptr<const MethodPlan> plan = core->plan(method);
  return std::make_shared<AsyncStream>(std::move(core), std::move(plan), std::move(options), kind, std::move(typed));
}

std::shared_ptr<StreamHandle> StartStream(std::shared_ptr<ClientCore> core, int method, CallOptions options, StreamKind kind,
                                          std::shared_ptr<TypedStream> typed) {
  std::shared_ptr<StreamHandle> stream = PrepareStream(std::move(core), method, std::move(options), kind, std::move(typed));
  stream->Begin();
  return stream;
}

}  // namespace userclient::internal
