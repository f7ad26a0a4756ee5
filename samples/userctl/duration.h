#pragma once

#include <chrono>
#include <string_view>

#include "absl/status/statusor.h"

namespace userctl {

/// Reads "200ms", "1.5s", "2m" or "1h": more than 0 and at most a day. *Errors:* INVALID_ARGUMENT saying what to write.
absl::StatusOr<std::chrono::nanoseconds> ParseDuration(std::string_view text);

}  // namespace userctl
