#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace userclient::internal {

/// Reads a duration as proto3's JSON writes it: seconds with up to nine decimals and an 's', such as "0.05s"; never negative.
/// *Errors:* INVALID_ARGUMENT saying what is wrong and, where it can be guessed, what to write ("100ms" gets "0.1s").
absl::StatusOr<std::chrono::nanoseconds> ParseDuration(std::string_view text);

/// The shortest text that ParseDuration reads as this duration; it must not be negative.
std::string FormatDuration(std::chrono::nanoseconds duration);

}  // namespace userclient::internal
