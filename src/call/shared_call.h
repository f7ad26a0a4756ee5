#pragma once

#include <grpcpp/alarm.h>

#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "call/call_gate.h"
#include "call/call_recorder.h"
#include "call/client_core.h"
#include "call/flight.h"
#include "call/stand_in.h"
#include "policy/deadline.h"
#include "userclient/internal/call_engine.h"

namespace userclient::internal {

/// One caller of a method with singleFlight: waits for a flight, with a deadline and a cancellation of its own. It ends with
/// whatever comes first, exactly once.
class SharedCall final : public CallHandle, public std::enable_shared_from_this<SharedCall> {
 public:
  SharedCall(std::shared_ptr<ClientCore> core, int method, std::shared_ptr<const MethodPlan> plan, CallOptions options,
             std::string key, std::shared_ptr<TypedCall> typed, std::shared_ptr<CallObservation> observation);

  /// Once.
  void Begin();

  void Cancel() override;

  // For SingleFlight:
  const std::shared_ptr<ClientCore>& core() const { return core_; }
  int method() const { return method_; }
  const std::string& key() const { return stand_in_.key(); }

  /// A flight with this one as its first caller.
  Flight NewFlight() const;
  /// What the flight sends of this call's options: what is safe to use when this call has ended.
  CallOptions FlightOptions() const;
  void KeepAnswer(const google::protobuf::MessageLite& answer) const { stand_in_.Keep(answer); }
  void OnLanded(const Flight& flight, const absl::Status& status, int winner);

 private:
  friend class SingleFlight;

  struct CancelOnStop {
    SharedCall* call;
    void operator()() const { call->Cancel(); }
  };

  SingleFlight& flights() const { return *plan_.answers->flights; }
  /// True for the one that may end it.
  bool Claim();
  bool ended();
  void StartAlarm();
  void SetAlarm();
  void OnAlarm();
  void LeaveWith(absl::Status status, CallEnd end);
  void End(absl::Status status, int winner);

  const std::shared_ptr<ClientCore> core_;
  const int method_;
  const std::shared_ptr<const MethodPlan> kept_plan_;
  const MethodPlan& plan_;
  const CallOptions options_;
  const TimePoint start_;
  const CallDeadline deadline_;
  const StandIn stand_in_;
  /// Shared with the flight, if this is its first caller.
  const std::shared_ptr<TypedCall> typed_;

  /// Set by SingleFlight::Join, under its mutex, and never changed.
  std::shared_ptr<Flight> flight_;

  std::mutex mutex_;
  // Guarded by mutex_.
  bool ended_ = false;
  std::optional<grpc::Alarm> alarm_;
  /// Itself, while the alarm is out.
  std::shared_ptr<SharedCall> self_;

  // Of the thread that begins it, then of the one that ends it.
  CallRecorder recorder_;
  CallGate::Pass pass_;
  std::optional<std::stop_callback<CancelOnStop>> cancel_on_stop_;
};

}  // namespace userclient::internal
