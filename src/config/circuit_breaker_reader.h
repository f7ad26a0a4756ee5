#pragma once

#include "config/json_reader.h"
#include "config/problems.h"
#include "userclient/service_config.h"

namespace userclient::internal {

/// Reads `circuitBreaker`. The result means something only if `problems` stays empty.
CircuitBreakerOptions ReadCircuitBreaker(const Json& json, const Path& path, Problems& problems);

}  // namespace userclient::internal
