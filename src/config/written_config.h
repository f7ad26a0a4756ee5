#pragma once

#include "config/json_reader.h"
#include "userclient/service_config.h"

namespace userclient::internal {

/// The config as a file would say it, but for what gRPC executes. What is not set is left out, and so is a default that means
/// nothing beside the rest. A number that no JSON can hold is null.
Json WrittenConfig(const ServiceConfig& config);

}  // namespace userclient::internal
