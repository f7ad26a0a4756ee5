#pragma once

#include "config/json_reader.h"
#include "config/problems.h"
#include "userclient/service_config.h"

namespace userclient::internal {

/// Reads a whole service config, but for what gRPC executes, which is only checked. Means something only if `problems` stays
/// empty.
ServiceConfig ReadServiceConfig(const Json& json, Problems& problems);

}  // namespace userclient::internal
