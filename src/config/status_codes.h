#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "absl/status/status.h"

namespace userclient::internal {

/// The names of gRPC's status codes, as the service config writes them; the position is the number.
inline constexpr std::array<std::string_view, 17> kStatusCodeNames = {
    "OK",        "CANCELLED",       "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS",  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",    "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED",
};

/// The code of this name, exactly as written in kStatusCodeNames.
std::optional<absl::StatusCode> StatusCodeOf(std::string_view name);

}  // namespace userclient::internal
