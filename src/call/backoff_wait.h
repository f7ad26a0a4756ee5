#pragma once

#include "policy/time.h"
#include "userclient/call_options.h"

namespace userclient::internal {

/// Waits between two attempts. False as soon as the caller cancels.
bool WaitUnlessCancelled(TimePoint until, const CallOptions& options);

}  // namespace userclient::internal
