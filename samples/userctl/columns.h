#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace userctl {

// For tables whose rows are written as they come, before anybody knows how wide the next ones are.

/// A printable text, filled up to this width, and what divides it from the next column. A longer one is never cut.
std::string Column(std::string text, size_t width);

/// RFC 3339, in UTC; a time outside the years 0 to 9999, which that cannot say, as its number of seconds.
std::string TimeText(int64_t unix_seconds);

/// The width of a TimeText.
inline constexpr size_t kTimeWidth = 20;

/// The end of a constant's name as people write it: ("USER_STATUS_ACTIVE", "USER_STATUS_") is "active".
std::string WithoutPrefix(std::string name, const std::string& prefix);

}  // namespace userctl
