#pragma once

#include <vector>

#include "config/json_reader.h"
#include "config/problems.h"
#include "userclient/service_config.h"

namespace userclient::internal {

/// Reads the list `userclient.methods`. The result means something only if `problems` stays empty.
std::vector<MethodExtras> ReadMethodExtras(const Json& list, const Path& path, Problems& problems);

}  // namespace userclient::internal
