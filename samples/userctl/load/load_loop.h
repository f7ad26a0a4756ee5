#pragma once

#include <cstdint>
#include <stop_token>

#include "load_caller.h"
#include "load_plan.h"
#include "load_recorder.h"

namespace userctl {

// Each makes the calls of a plan, and blocks until the last has ended. `stop` ends it early: no further call begins.

/// Calls begin when they are due, by the plan's rate, whether or not those before have ended. A call is as late as the server
/// lets it be: its latency counts from when it was due, also when it had to wait for room, so that a server that stalls cannot
/// hide what it does to the calls after (no coordinated omission). What is late because this machine is too slow is told apart
/// (StartDelay). Returns how many were due and could not begin before the
/// duration was over.
int64_t RunOpenLoop(const LoadPlan& plan, LoadCaller& caller, LoadRecorder& recorder, const std::stop_token& stop);

/// Each of the plan's callers is a thread that makes one call after the other. One that the client itself refuses to call waits
/// 10 ms, because a refusal takes no time and would be all that happens.
void RunClosedLoop(const LoadPlan& plan, LoadCaller& caller, LoadRecorder& recorder, const std::stop_token& stop);

}  // namespace userctl
