#pragma once

#include <string_view>

namespace userclient::internal {

/// The text of service_config/default.json, compiled in.
extern const std::string_view kDefaultServiceConfig;

}  // namespace userclient::internal
