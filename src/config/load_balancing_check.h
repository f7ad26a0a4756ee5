#pragma once

#include "config/json_reader.h"
#include "config/problems.h"

namespace userclient::internal {

/// A list of load balancing policies, [{"round_robin": {}}, ...], with the policies within them. What their settings mean, only
/// gRPC knows; refused here, besides what is no such list, is what gRPC takes and does not survive: policies that work under xDS
/// alone, and intervals that leave no time for anything else (docs/service_config.md). False: `problems` says why.
bool CheckLoadBalancing(const Json& list, const Path& path, Problems& problems);

}  // namespace userclient::internal
