#pragma once

#include <string>
#include <string_view>

namespace userclient::internal {

/// The parts, one after the other.
template <typename... Parts>
std::string Concat(const Parts&... parts) {
  std::string text;
  text.reserve((std::string_view(parts).size() + ... + 0));
  (text.append(std::string_view(parts)), ...);
  return text;
}

}  // namespace userclient::internal
