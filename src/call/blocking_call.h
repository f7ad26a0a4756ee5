#pragma once

#include <memory>

#include "absl/status/status.h"
#include "call/call_observation.h"
#include "call/client_core.h"
#include "call/method_plan.h"
#include "userclient/internal/call_engine.h"

namespace userclient::internal {

/// Runs a call by this plan to its end on this thread. `observation` may be null.
absl::Status CallBlocking(ClientCore& core, const MethodPlan& plan, const CallOptions& options, BlockingAttempt make_attempt,
                          std::shared_ptr<CallObservation> observation);

}  // namespace userclient::internal
