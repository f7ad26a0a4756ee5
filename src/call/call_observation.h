#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "call/client_observers.h"
#include "call/method_plan.h"
#include "policy/time.h"
#include "userclient/call_options.h"
#include "userclient/call_report.h"
#include "userclient/observer.h"

namespace userclient::internal {

/// Whose a call is.
enum class CallRole {
  /// The application's.
  kCall,
  /// The client's own, for the callers who share its answer (singleFlight).
  kFlight,
};

/// Tells the observers of a client of one call, as observer.h says. *Not thread-safe:* a call's events come one after the other.
class CallObservation {
 public:
  /// The call begins. Null if nobody observes. `plan` lives until the call has ended.
  static std::shared_ptr<CallObservation> Begin(const MethodPlan& plan, const CallOptions& options,
                                                CallRole role = CallRole::kCall) {
    if (plan.observers == nullptr) return nullptr;
    return std::make_shared<CallObservation>(plan, options, role);
  }

  CallObservation(const MethodPlan& plan, const CallOptions& options, CallRole role) noexcept;
  CallObservation(const CallObservation&) = delete;
  CallObservation& operator=(const CallObservation&) = delete;

  /// What goes out with an attempt that begins now. Valid until the next one begins.
  const Metadata& AttemptStarts(const ObservedAttempt& attempt) noexcept;

  /// Once for each attempt: what is told of one that has ended already is not heard.
  void AttemptEnded(int number, const AttemptReport& report) noexcept;

  /// Gives up the attempts that have not ended, and tells the end; if it is held, as soon as it is let go.
  void Ended(const CallReport& report, const absl::Status& status) noexcept;

  // For what may stand in for the answer, and does so when the call itself has ended:
  void HoldEnd() { held_ = true; }
  void NoteSource(AnswerSource source, Duration age);
  void LetGoEnd() noexcept;

 private:
  struct Open {
    ObservedAttempt attempt{};
    TimePoint began{};
  };

  void TellAttemptEnd(const ObservedAttempt& attempt, const AttemptReport& report);
  void TellEnd(const CallReport& report, const absl::Status& status);

  const std::shared_ptr<const ClientObservers> observers_;
  const ObservedCall call_;
  const TimePoint start_;
  /// By observer.
  absl::InlinedVector<std::unique_ptr<CallState>, 2> states_;
  absl::InlinedVector<Open, 2> open_;
  Metadata metadata_;
  bool held_ = false;
  std::optional<std::pair<CallReport, absl::Status>> end_;
};

}  // namespace userclient::internal
