#pragma once

#include "absl/status/status.h"
#include "answer.h"

namespace profile_service {

/// How a failed call of the user service is told to whoever asked over HTTP. What they did wrong is theirs to know (4xx, with the
/// server's words and fields); what is wrong behind this service is told by its code alone (5xx), and in full in the log.
///
///   circuit_open           503, Retry-After as long as the breaker stays open
///   bulkhead_full, throttled, shutdown               503, Retry-After: 1
///   deadline_too_short     504
///   INVALID_ARGUMENT, OUT_OF_RANGE                   400
///   NOT_FOUND              404
///   ALREADY_EXISTS, ABORTED, FAILED_PRECONDITION     409
///   UNAVAILABLE, RESOURCE_EXHAUSTED, CANCELLED       503, Retry-After as the server asks, or 1
///   DEADLINE_EXCEEDED      504
///   everything else        502
///
/// Where gateways say 401, 403, 429 and 501, this says 502 or 503: the user service speaks of *our* credentials, *our* load and
/// *our* version, none of which the caller can mend.
Answer FailureAnswer(const absl::Status& status);

/// For a request whose client has left: 499, as nginx has it. Only the log gets to see it.
Answer GoneAnswer();

/// "UNAVAILABLE"
std::string CodeName(absl::StatusCode code);

}  // namespace profile_service
