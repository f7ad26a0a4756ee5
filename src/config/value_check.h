#pragma once

#include "absl/status/status.h"
#include "userclient/service_config.h"

namespace userclient::internal {

/// Whether a file could say what this config says: a program may have made it, or changed it. *Errors:* INVALID_ARGUMENT naming
/// every mistake by the path that it would have in a file, as ServiceConfig::Parse does.
absl::Status CheckValues(const ServiceConfig& config);

}  // namespace userclient::internal
