#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"

namespace userclient::internal {

/// Everything in a file. *Errors:* why it cannot be read: NOT_FOUND, PERMISSION_DENIED, ...: `cannot read /etc/ca.pem: ...`.
/// OUT_OF_RANGE if it is larger than 16 MiB, which no file is that this is for.
absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path);

}  // namespace userclient::internal
