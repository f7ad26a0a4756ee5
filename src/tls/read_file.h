#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"

namespace userclient::internal {

/// Everything in a file. *Errors:* why it cannot be read: NOT_FOUND, PERMISSION_DENIED, ...: `cannot read /etc/ca.pem: ...`.
absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path);

}  // namespace userclient::internal
