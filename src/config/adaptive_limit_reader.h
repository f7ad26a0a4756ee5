#pragma once

#include "config/json_reader.h"
#include "config/problems.h"
#include "userclient/service_config.h"

namespace userclient::internal {

/// Reads `adaptiveLimit`. The result means something only if `problems` stays empty.
AdaptiveLimitOptions ReadAdaptiveLimit(const Json& json, const Path& path, Problems& problems);

}  // namespace userclient::internal
