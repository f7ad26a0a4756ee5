#pragma once

#include <grpcpp/support/status.h>

#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "call/async_seat.h"
#include "call/attempt_context.h"
#include "call/attempt_plan.h"
#include "call/attempt_run.h"
#include "call/call_gate.h"
#include "call/call_recorder.h"
#include "call/client_core.h"
#include "call/compartment.h"
#include "call/event_call.h"
#include "policy/deadline.h"
#include "userclient/internal/call_engine.h"

namespace userclient::internal {

/// The same way as CallBlocking, walked by whoever brings the next event: an attempt that ends, a timer, a seat, a cancellation.
class AsyncCall final : public CallHandle, public EventCall {
 public:
  AsyncCall(std::shared_ptr<ClientCore> core, std::shared_ptr<const MethodPlan> plan, CallOptions options,
            std::unique_ptr<TypedCall> typed, CallRole role, std::shared_ptr<CallObservation> observation);

  /// Begins. Once.
  void Begin();

  /// Never blocks: the call ends on a thread of gRPC's.
  void Cancel() override { PostFromOutside({.kind = kCancel}); }

 private:
  enum EventKind { kBegin, kSeat, kAttemptEnded, kCancel };

  struct Attempt {
    AsyncCall* call = nullptr;
    int number = 0;
    AttemptRun run{};
    std::optional<AttemptContext> context{};
    ChannelPool::Lease channel{};
    bool under_way = false;
    /// It has ended as if cancelled, and the parent has been given time to say so.
    bool parent_asked = false;
    /// What gRPC brought, until the event is handled.
    grpc::Status ended_with{};
    absl::Status status{};
    /// Refused here; by the breaker: how long it will go on refusing.
    bool refused = false;
    std::optional<Duration> retry_after{};

    void OnDone(grpc::Status status_of_grpc);
  };

  struct CancelOnStop {
    AsyncCall* call;
    void operator()() const { call->Cancel(); }
  };

  void Handle(Event event) override;
  void OnTimer() override;
  bool Over() const override { return finished_ && under_way_ == 0 && !seat_.waiting(); }

  void OnBegin();
  void OnSeat();
  void OnAttemptEnded(Attempt& attempt);
  void OnCancel();

  void Execute(HedgeStep step);
  /// False: there is none yet; OnSeat goes on, or the call has been finished.
  bool HasSeat();
  void GiveUpSeat(CallEnd why);
  /// False if it was refused: by the breaker, or because it is a hedge and the compartment is nearly full.
  bool StartAttempt(Attempt& attempt, AttemptReason reason);
  /// The same attempt once more.
  bool StartWithFreshToken(Attempt& attempt);
  bool TooFullForHedging() const;
  void WaitUntil(std::optional<TimePoint> time);

  void FinishWith(int winner, CallEnd end);
  void Finish(absl::Status status, CallEnd end);
  void Reject(Rejection rejection, absl::Status status, std::optional<Duration> retry_after = {});
  void End(absl::Status status, int winner);

  Attempt& attempt(int number) { return number == 0 ? first_ : *others_[static_cast<size_t>(number) - 1]; }
  Attempt& NextAttempt();
  /// The last one, which was not started.
  void TakeBackAttempt();
  bool cancelled() const { return cancelled_ || CancelledByCaller(options_); }

  const std::shared_ptr<ClientCore> core_;
  const std::shared_ptr<const MethodPlan> kept_plan_;
  const MethodPlan& plan_;
  Compartment& compartment_;
  const CallOptions options_;
  const std::unique_ptr<TypedCall> typed_;
  const CallRole role_;
  const TimePoint start_;
  const CallDeadline deadline_;

  // Of the thread that handles events.
  CallGate::Pass pass_;
  CallRecorder recorder_;
  AttemptPlan attempt_plan_;
  Attempt first_;
  std::vector<std::unique_ptr<Attempt>> others_;
  int attempts_ = 0;
  int under_way_ = 0;
  /// Attempts that gRPC has been given.
  int sent_ = 0;
  TimePoint last_ended_{};
  std::optional<int> last_to_end_;

  AsyncSeat seat_;
  /// What to go on with when the seat is there.
  HedgeStep waiting_step_{};

  bool cancelled_ = false;
  bool finished_ = false;
  std::optional<std::stop_callback<CancelOnStop>> cancel_on_stop_;
  std::optional<std::stop_callback<CancelOnStop>> cancel_on_shutdown_;
};

/// Starts a call by this plan; its end is reported through `call`, maybe before this returns. `observation` may be null.
std::shared_ptr<CallHandle> CallAsync(std::shared_ptr<ClientCore> core, std::shared_ptr<const MethodPlan> plan,
                                      CallOptions options, std::unique_ptr<TypedCall> call, CallRole role,
                                      std::shared_ptr<CallObservation> observation);

}  // namespace userclient::internal
