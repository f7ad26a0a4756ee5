#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace userclient::internal {

/// Whether a target can name a server at all. gRPC itself takes any string and fails every call later; and it quietly adds
/// port 443 to a name without one. *Errors:* INVALID_ARGUMENT saying what to write instead.
absl::Status CheckTarget(std::string_view target);

/// The first address of a target that lists several (`ipv4:`, `ipv6:`); nullopt for every other. gRPC takes the list as a whole
/// for the authority: it sends it as `:authority`, which servers refuse from 8 KiB on, and wants it in their certificates, where
/// it cannot be.
std::optional<std::string> FirstOfSeveral(std::string_view target);

}  // namespace userclient::internal
