#pragma once

#include <algorithm>
#include <string_view>

namespace userclient::internal {

/// What metadata may be made of; gRPC ends the process over anything else.
inline bool IsPrintableAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace userclient::internal
