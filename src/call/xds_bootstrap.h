#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace userclient::internal {

/// gRPC 1.51 ends the process at the first call to an xds: target if the bootstrap file that the environment names cannot be
/// read, or names no server. Without any bootstrap the calls fail, and say so. *Errors:* why it cannot be read, or
/// INVALID_ARGUMENT; with the variable. OK for every other target.
absl::Status CheckBootstrapFor(std::string_view target);

}  // namespace userclient::internal
