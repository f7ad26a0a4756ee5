#pragma once

#include <vector>

#include "config/json_reader.h"
#include "config/problems.h"
#include "userclient/service_config.h"

namespace userclient::internal {

/// Reads the list `bulkheads`. The result means something only if `problems` stays empty.
std::vector<BulkheadConfig> ReadBulkheads(const Json& list, const Path& path, Problems& problems);

}  // namespace userclient::internal
