#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace userctl {

/// Reads "200ms", "1.5s", "2m" or "1h": more than 0 and at most a day. *Errors:* INVALID_ARGUMENT saying what to write.
absl::StatusOr<std::chrono::nanoseconds> ParseDuration(std::string_view text);

/// "50 ms", "1.5 s", "5 min", "1 h": exactly, in the unit that a person would take.
std::string DurationText(std::chrono::nanoseconds duration);

}  // namespace userctl
