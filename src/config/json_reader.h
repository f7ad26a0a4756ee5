#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>

#include "absl/status/statusor.h"
#include "config/problems.h"

namespace userclient::internal {

using Json = nlohmann::json;

/// A config larger than this is not a config.
inline constexpr size_t kMostBytes = size_t{1} << 20;
/// A config nested deeper than this is not a config.
inline constexpr size_t kMostLevels = 64;

/// Reads strict JSON (no comments, no trailing commas). A key that stands twice in one object is added to `problems`, with its
/// path, and its first value is kept. *Errors:* INVALID_ARGUMENT with line and column for text that is not JSON, or saying that
/// it is too large or nested too deeply.
absl::StatusOr<Json> ReadJson(std::string_view text, Problems& problems);

}  // namespace userclient::internal
