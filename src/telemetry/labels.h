#pragma once

#include <string_view>

#include "userclient/call_report.h"
#include "userclient/circuit_breaker.h"
#include "userclient/client_events.h"
#include "userclient/rejection.h"

namespace userclient::internal {

// One word for all of them: values of labels and of fields in the log, as docs/telemetry.md lists them.
inline std::string_view Label(AttemptReason reason) { return AttemptReasonLabel(reason); }
inline std::string_view Label(CallEnd end) { return CallEndLabel(end); }
inline std::string_view Label(AnswerSource source) { return AnswerSourceLabel(source); }
inline std::string_view Label(Rejection rejection) { return RejectionLabel(rejection); }
inline std::string_view Label(CircuitState state) { return CircuitStateLabel(state); }
inline std::string_view Label(CircuitCause cause) { return CircuitCauseLabel(cause); }
inline std::string_view Label(ClientEvent::Kind kind) { return ClientEventLabel(kind); }

// All that there are of them.
inline constexpr Rejection kAllRejections[] = {Rejection::kBulkheadFull, Rejection::kCircuitOpen, Rejection::kThrottled,
                                               Rejection::kDeadlineTooShort, Rejection::kShutdown};
inline constexpr ClientEvent::Kind kAllEvents[] = {
    ClientEvent::Kind::kConfigReloaded,     ClientEvent::Kind::kConfigRefused,    ClientEvent::Kind::kCredentialsReloaded,
    ClientEvent::Kind::kCredentialsRefused, ClientEvent::Kind::kEndpointsChanged, ClientEvent::Kind::kLookupFailed,
    ClientEvent::Kind::kChannelsRenewed,    ClientEvent::Kind::kRenewalDelayed};
inline constexpr CircuitState kCircuitStates[] = {CircuitState::kClosed, CircuitState::kOpen, CircuitState::kHalfOpen,
                                                  CircuitState::kForcedOpen, CircuitState::kForcedClosed};

/// A change that a breaker can make: to which state, and why.
struct CircuitChange {
  CircuitState to;
  CircuitCause cause;
};
inline constexpr CircuitChange kCircuitChangesThatCanBe[] = {
    {CircuitState::kOpen, CircuitCause::kFailureRatio},      {CircuitState::kOpen, CircuitCause::kConsecutiveFailures},
    {CircuitState::kOpen, CircuitCause::kSlowCallRatio},     {CircuitState::kOpen, CircuitCause::kProbeFailed},
    {CircuitState::kOpen, CircuitCause::kProbesOverdue},     {CircuitState::kHalfOpen, CircuitCause::kOpenDurationPassed},
    {CircuitState::kClosed, CircuitCause::kProbesSucceeded}, {CircuitState::kClosed, CircuitCause::kForced},
    {CircuitState::kForcedOpen, CircuitCause::kForced},      {CircuitState::kForcedClosed, CircuitCause::kForced}};

}  // namespace userclient::internal
