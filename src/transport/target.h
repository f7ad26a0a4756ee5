#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace userclient::internal {

/// Whether a target can name a server at all. gRPC itself takes any string and fails every call later; and it quietly adds
/// port 443 to a name without one. *Errors:* INVALID_ARGUMENT saying what to write instead.
absl::Status CheckTarget(std::string_view target);

}  // namespace userclient::internal
