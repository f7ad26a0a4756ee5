#pragma once

#include <string_view>

#include "userclient/call_report.h"
#include "userclient/circuit_breaker.h"
#include "userclient/client_events.h"
#include "userclient/rejection.h"

namespace userclient::internal {

// Names for machines: values of labels and of fields in the log. docs/telemetry.md lists them, and they do not change.

/// "first", "retry", "hedge".
std::string_view Label(AttemptReason reason);
/// "succeeded", "attempts_exhausted".
std::string_view Label(CallEnd end);
/// "server", "fallback".
std::string_view Label(AnswerSource source);
/// "bulkhead_full".
std::string_view Label(Rejection rejection);
/// "closed", "half_open".
std::string_view Label(CircuitState state);
/// "failure_ratio".
std::string_view Label(CircuitCause cause);
/// "config_reloaded".
std::string_view Label(ClientEvent::Kind kind);

/// Every state that a breaker can have.
inline constexpr CircuitState kCircuitStates[] = {CircuitState::kClosed, CircuitState::kOpen, CircuitState::kHalfOpen,
                                                  CircuitState::kForcedOpen, CircuitState::kForcedClosed};

}  // namespace userclient::internal
