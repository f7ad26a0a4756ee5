#pragma once

#include <string>
#include <vector>

#include "userclient/service_config.h"

namespace userclient::internal {

/// What is legal in a config but looks like a mistake, or does nothing yet: one line each, with the path. Empty if nothing
/// strikes.
std::vector<std::string> Advise(const ServiceConfig& config);

}  // namespace userclient::internal
