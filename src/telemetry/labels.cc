#include <string_view>

#include "userclient/call_report.h"
#include "userclient/circuit_breaker.h"
#include "userclient/client_events.h"
#include "userclient/rejection.h"

namespace userclient {

std::string_view AttemptReasonLabel(AttemptReason reason) {
  switch (reason) {
    case AttemptReason::kFirst:
      return "first";
    case AttemptReason::kRetry:
      return "retry";
    case AttemptReason::kPushback:
      return "pushback";
    case AttemptReason::kHedge:
      return "hedge";
    case AttemptReason::kFreshToken:
      return "fresh_token";
    case AttemptReason::kResume:
      return "resume";
  }
  return "other";
}

std::string_view CallEndLabel(CallEnd end) {
  switch (end) {
    case CallEnd::kSucceeded:
      return "succeeded";
    case CallEnd::kNoRetryPolicy:
      return "no_retry_policy";
    case CallEnd::kNotRetryable:
      return "not_retryable";
    case CallEnd::kAttemptsExhausted:
      return "attempts_exhausted";
    case CallEnd::kThrottled:
      return "throttled";
    case CallEnd::kPushedBack:
      return "pushed_back";
    case CallEnd::kDeadline:
      return "deadline";
    case CallEnd::kCommitted:
      return "committed";
    case CallEnd::kCancelled:
      return "cancelled";
    case CallEnd::kRejected:
      return "rejected";
    case CallEnd::kCircuitOpen:
      return "circuit_open";
    case CallEnd::kBulkheadFull:
      return "bulkhead_full";
  }
  return "other";
}

std::string_view AnswerSourceLabel(AnswerSource source) {
  switch (source) {
    case AnswerSource::kServer:
      return "server";
    case AnswerSource::kShared:
      return "shared";
    case AnswerSource::kStale:
      return "stale";
    case AnswerSource::kFallback:
      return "fallback";
  }
  return "other";
}

std::string_view RejectionLabel(Rejection rejection) {
  switch (rejection) {
    case Rejection::kBulkheadFull:
      return "bulkhead_full";
    case Rejection::kCircuitOpen:
      return "circuit_open";
    case Rejection::kThrottled:
      return "throttled";
    case Rejection::kDeadlineTooShort:
      return "deadline_too_short";
    case Rejection::kShutdown:
      return "shutdown";
  }
  return "other";
}

std::string_view CircuitStateLabel(CircuitState state) {
  switch (state) {
    case CircuitState::kClosed:
      return "closed";
    case CircuitState::kOpen:
      return "open";
    case CircuitState::kHalfOpen:
      return "half_open";
    case CircuitState::kForcedOpen:
      return "forced_open";
    case CircuitState::kForcedClosed:
      return "forced_closed";
  }
  return "other";
}

std::string_view CircuitCauseLabel(CircuitCause cause) {
  switch (cause) {
    case CircuitCause::kFailureRatio:
      return "failure_ratio";
    case CircuitCause::kConsecutiveFailures:
      return "consecutive_failures";
    case CircuitCause::kSlowCallRatio:
      return "slow_call_ratio";
    case CircuitCause::kOpenDurationPassed:
      return "open_duration_passed";
    case CircuitCause::kProbeFailed:
      return "probe_failed";
    case CircuitCause::kProbesOverdue:
      return "probes_overdue";
    case CircuitCause::kProbesSucceeded:
      return "probes_succeeded";
    case CircuitCause::kForced:
      return "forced";
  }
  return "other";
}

std::string_view ClientEventLabel(ClientEvent::Kind kind) {
  switch (kind) {
    case ClientEvent::Kind::kConfigReloaded:
      return "config_reloaded";
    case ClientEvent::Kind::kConfigRefused:
      return "config_refused";
    case ClientEvent::Kind::kCredentialsReloaded:
      return "credentials_reloaded";
    case ClientEvent::Kind::kCredentialsRefused:
      return "credentials_refused";
    case ClientEvent::Kind::kEndpointsChanged:
      return "endpoints_changed";
    case ClientEvent::Kind::kLookupFailed:
      return "lookup_failed";
    case ClientEvent::Kind::kChannelsRenewed:
      return "channels_renewed";
    case ClientEvent::Kind::kRenewalDelayed:
      return "renewal_delayed";
  }
  return "other";
}

}  // namespace userclient
