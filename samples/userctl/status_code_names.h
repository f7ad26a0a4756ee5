#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "userclient/status_code_set.h"

namespace userctl {

/// In the order of their numbers.
inline std::vector<std::string> NamesOf(const userclient::StatusCodeSet& codes) {
  constexpr int kLastCode = 16;
  std::vector<std::string> names;
  for (int number = 0; number <= kLastCode; ++number) {
    const auto code = static_cast<absl::StatusCode>(number);
    if (codes.Contains(code)) names.push_back(absl::StatusCodeToString(code));
  }
  return names;
}

}  // namespace userctl
