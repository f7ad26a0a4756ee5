#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "call/attempt_context.h"
#include "call/call_recorder.h"
#include "call/method_plan.h"
#include "policy/circuit_breaker.h"
#include "policy/deadline.h"
#include "policy/retry_plan.h"
#include "policy/time.h"
#include "transport/token_cache.h"

namespace userclient::internal {

/// One attempt that the breaker has let through.
struct AttemptRun {
  /// ObservedAttempt::number.
  int number = 0;
  AttemptReason reason = AttemptReason::kFirst;
  /// Between the end of the one before and the beginning of this one.
  Duration waited{};
  TimePoint began{};
  TimePoint deadline{};
  CircuitBreaker::Permit permit{};
  /// What it says about the server has been told already, by the first message of a stream.
  bool settled = false;
  /// Of the client's bearer token when it began.
  uint64_t token_generation = 0;
};

/// When an attempt that begins now has to be over.
TimePoint AttemptDeadline(const MethodPlan& plan, const CallDeadline& deadline, TimePoint now);

/// Tells the end of an attempt to all that it concerns: the breaker, the adaptive limit, the latencies of late, the report.
/// Gives what the plan of the call wants to know of it.
AttemptEnd Conclude(AttemptRun& run, const MethodPlan& plan, const CallDeadline& deadline, const AttemptContext& context,
                    const absl::Status& status, bool cancelled_by_caller, TimePoint ended, CallRecorder& recorder);

/// Whether an attempt with this end may be made once more with a newer token. `tokens` may be null.
bool FreshTokenHelps(const AttemptRun& run, absl::StatusCode code, TokenCache* tokens, const CallDeadline& deadline,
                     TimePoint ended);

}  // namespace userclient::internal
