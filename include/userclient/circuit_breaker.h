#pragma once

/// Stops calling a service that keeps failing, and tries it again later. Every compartment whose config has a `circuitBreaker`
/// has one (service_config.h gives the numbers).
///
///            failures reach failure_ratio            open_duration has passed
///   closed ─────────────────────────────► open ─────────────────────────────► half-open
///     ▲                                     ▲ ── a probe fails ───────────────────┤
///     └───────────── half_open_probes calls in a row succeed ─────────────────────┘
///
/// While it is open, calls end at once with UNAVAILABLE and Rejection::kCircuitOpen, and nothing is sent. Half-open, a few calls
/// are let through as probes and the others are refused.

#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>

namespace userclient {

enum class CircuitState {
  /// Calls go through and are counted.
  kClosed = 1,
  /// Calls are refused.
  kOpen = 2,
  /// A few calls go through, to see whether the service is back.
  kHalfOpen = 3,
  /// Somebody decided that calls are refused until further notice.
  kForcedOpen = 4,
  /// Somebody decided that calls go through until further notice, whatever comes of them.
  kForcedClosed = 5,
};

/// What somebody decides about a breaker (UserClient::OverrideCircuit).
enum class CircuitOverride {
  /// It decides by itself.
  kNone = 0,
  /// Every call is refused.
  kOpen = 1,
  /// Every call goes through.
  kClosed = 2,
};

/// Why a breaker changed its state.
enum class CircuitCause {
  /// failure_ratio was reached.
  kFailureRatio = 1,
  kConsecutiveFailures = 2,
  /// Too many calls took slow_call_duration or longer.
  kSlowCallRatio = 3,
  kOpenDurationPassed = 4,
  kProbeFailed = 5,
  /// The probes under way did not end in time.
  kProbesOverdue = 6,
  kProbesSucceeded = 7,
  /// An operator or a program took control, or gave it back.
  kForced = 8,
};

/// "half-open", "failure ratio reached": for people.
std::string_view CircuitStateName(CircuitState state);
std::string_view CircuitCauseName(CircuitCause cause);
/// "half_open", "failure_ratio": for machines. The words of logs, metrics and JSON.
std::string_view CircuitStateLabel(CircuitState state);
std::string_view CircuitCauseLabel(CircuitCause cause);

/// One change of state.
struct CircuitTransition {
  /// Grows with every change of this breaker. Two threads may tell of theirs in the other order; this is the true one.
  uint64_t sequence = 0;
  CircuitState from = CircuitState::kClosed;
  CircuitState to = CircuitState::kClosed;
  CircuitCause cause = CircuitCause::kForced;
  /// If it opened: until it tries again.
  std::chrono::nanoseconds open_for{};
  /// If it opened because of what the window held: what that was.
  int64_t calls = 0;
  int64_t failures = 0;
  int64_t slow_calls = 0;
};

/// Told of every change of a breaker's state: which compartment, and what happened. Called on the thread whose call brought it
/// about, with no lock held; must neither block nor throw. Blocking calls of the client are refused in it.
using CircuitListener = std::function<void(std::string_view compartment, const CircuitTransition& transition)>;

}  // namespace userclient
