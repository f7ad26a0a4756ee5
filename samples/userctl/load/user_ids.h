#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace userctl {

/// The ids that these arguments mean: "u-1" itself, and u-{1..1000} the thousand from u-1 to u-1000. *Errors:* INVALID_ARGUMENT
/// for a range that is none, or more than a million ids.
absl::StatusOr<std::vector<std::string>> ExpandIds(const std::vector<std::string>& arguments);

}  // namespace userctl
