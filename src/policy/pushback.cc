#include "policy/pushback.h"

#include <charconv>
#include <cstdint>

namespace userclient::internal {

Pushback ParsePushback(std::string_view value) {
  int32_t milliseconds = 0;
  const char* end = value.data() + value.size();
  const auto [parsed_to, error] = std::from_chars(value.data(), end, milliseconds);
  const bool leading_zero = value.size() > 1 && value[0] == '0';
  // Also "-0", which is no number that a server would write.
  const bool negative = value.starts_with('-');
  if (error != std::errc() || parsed_to != end || negative || leading_zero) return {.stop = true};
  return {.delay = std::chrono::milliseconds(milliseconds)};
}

}  // namespace userclient::internal
