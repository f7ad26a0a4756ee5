#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace userclient::internal {

/// The bootstrap of xDS that stands in `place`. What is wrong with it, gRPC says to whoever calls; but gRPC 1.51 ends the process
/// if the list of its servers is empty. *Errors:* INVALID_ARGUMENT with the place if it is.
absl::Status CheckXdsBootstrap(std::string_view place, std::string_view text);

}  // namespace userclient::internal
