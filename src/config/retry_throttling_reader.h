#pragma once

#include "config/json_reader.h"
#include "config/problems.h"
#include "userclient/service_config.h"

namespace userclient::internal {

/// Reads `retryThrottling`. The result means something only if `problems` stays empty.
RetryThrottling ReadRetryThrottling(const Json& json, const Path& path, Problems& problems);

}  // namespace userclient::internal
