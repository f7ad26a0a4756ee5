#include "config/status_codes.h"

#include <algorithm>

namespace userclient::internal {

std::optional<absl::StatusCode> StatusCodeOf(std::string_view name) {
  const auto found = std::find(kStatusCodeNames.begin(), kStatusCodeNames.end(), name);
  if (found == kStatusCodeNames.end()) return std::nullopt;
  return static_cast<absl::StatusCode>(found - kStatusCodeNames.begin());
}

}  // namespace userclient::internal
