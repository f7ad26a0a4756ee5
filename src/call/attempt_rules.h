#pragma once

#include "absl/status/status.h"
#include "call/method_plan.h"
#include "policy/deadline.h"
#include "policy/time.h"
#include "userclient/call_options.h"

namespace userclient::internal {

// What both drivers, the blocking and the asynchronous one, ask in the same words.

inline TimePoint Now() { return std::chrono::steady_clock::now(); }

/// Uniform in [0, 1).
double Random();

/// When the call has to be over.
CallDeadline DeadlineOf(const MethodPlan& plan, const CallOptions& options, TimePoint now);

/// The refusals, in words.
absl::Status DeadlineTooShort();
absl::Status BulkheadFull(const Compartment& compartment);
absl::Status CircuitOpen(const Compartment& compartment, std::optional<Duration> retry_after);
absl::Status ShutDown();
absl::Status CancelledWhileWaiting();

}  // namespace userclient::internal
