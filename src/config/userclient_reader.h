#pragma once

#include "config/json_reader.h"
#include "config/problems.h"
#include "userclient/service_config.h"

namespace userclient::internal {

/// Reads the section `userclient` into `config`, which means something only if `problems` stays empty.
void ReadUserclient(const Json& json, const Path& path, ServiceConfig& config, Problems& problems);

}  // namespace userclient::internal
