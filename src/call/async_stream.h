#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <variant>

#include "call/async_seat.h"
#include "call/attempt_context.h"
#include "call/attempt_run.h"
#include "call/call_gate.h"
#include "call/call_recorder.h"
#include "call/client_core.h"
#include "call/event_call.h"
#include "policy/deadline.h"
#include "policy/resume_plan.h"
#include "policy/retry_plan.h"
#include "userclient/internal/stream_engine.h"

namespace userclient::internal {

/// The way of a stream: that of a unary call (AsyncCall), but that its attempts follow each other, bring messages for as long as
/// there is room for them, and may be silent only for so long. It holds its seat for life.
class AsyncStream final : public StreamHandle, public StreamEvents, public EventCall {
 public:
  AsyncStream(std::shared_ptr<ClientCore> core, std::shared_ptr<const MethodPlan> plan, CallOptions options, StreamKind kind,
              std::shared_ptr<TypedStream> typed);

  void Begin() override { BeginWith({.kind = kBegin}); }

  void Cancel() override { PostFromOutside({.kind = kCancel}); }
  void WantMore() override { Post({.kind = kRoom}); }
  void Abandon() override;

  void OnRead(bool ok) override;
  void OnEnded(grpc::Status status) override;

 private:
  enum EventKind { kBegin, kSeat, kRead, kReadEnd, kEnded, kCancel, kRoom };

  struct CancelOnStop {
    AsyncStream* call;
    void operator()() const { call->Cancel(); }
  };

  void Handle(Event event) override;
  void OnTimer() override;
  bool Over() const override { return finished_ && !under_way_ && !seat_.waiting(); }

  void OnBegin();
  void OnSeat();
  void OnMessage();
  void OnAttemptEnded();
  void OnCancel();

  void StartAttempt(AttemptReason reason);
  void OnRefused(const Compartment::Admission& admission);
  void Read();
  void StopReading();
  void GiveUpAttempt();
  void NoteProgress();
  /// Of the attempt that has ended.
  absl::Status StatusOfAttempt() const;
  NextStep Next(const AttemptEnd& end);
  void WaitFor(TimePoint time, AttemptReason reason);
  /// For as long as the attempt runs: until it has been silent for too long.
  void WatchSilence();
  /// While the application has no room.
  void WatchPause();
  /// While it should not be.
  std::optional<TimePoint> SilentSince() const;

  void GiveUp(CallEnd why);
  void Finish(absl::Status status, CallEnd end);
  void Reject(Rejection rejection, absl::Status status, std::optional<Duration> retry_after = {});
  void End(absl::Status status);

  TimePoint AttemptEndsAt(TimePoint now) const;
  bool cancelled() const { return cancelled_ || (!abandoned_ && CancelledByCaller(options_)); }

  const std::shared_ptr<ClientCore> core_;
  const std::shared_ptr<const MethodPlan> kept_plan_;
  const MethodPlan& plan_;
  Compartment& compartment_;
  CallOptions options_;
  const StreamKind kind_;
  const std::shared_ptr<TypedStream> typed_;
  const TimePoint start_;
  const CallDeadline deadline_;

  // All else is of the thread that handles events.
  CallGate::Pass pass_;
  CallRecorder recorder_;
  std::variant<RetryPlan, ResumePlan> attempts_plan_;
  AsyncSeat seat_;

  // The present attempt.
  AttemptRun run_{};
  std::optional<AttemptContext> context_;
  ChannelPool::Lease channel_;
  grpc::Status ended_with_{};
  bool under_way_ = false;
  bool reading_ = false;
  bool may_read_ = false;
  bool progressed_ = false;
  bool garbage_ = false;
  bool silent_ = false;
  bool parent_asked_ = false;
  TimePoint last_message_{};

  /// What the timer is for, while no attempt runs.
  AttemptReason next_reason_ = AttemptReason::kFirst;
  /// Attempts that gRPC has been given.
  int sent_ = 0;
  /// The last message has come, whatever becomes of the attempt that brought it.
  bool complete_ = false;
  /// Messages have come, in whatever attempt.
  bool has_messages_ = false;
  absl::Status last_status_;
  TimePoint last_ended_{};

  bool cancelled_ = false;
  bool abandoned_ = false;
  bool finished_ = false;
  std::optional<std::stop_callback<CancelOnStop>> cancel_on_stop_;
  std::optional<std::stop_callback<CancelOnStop>> cancel_on_shutdown_;
};

}  // namespace userclient::internal
