#include "duration.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace userctl {
namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kLongest = std::chrono::hours(24);
constexpr std::array<std::pair<std::string_view, nanoseconds>, 4> kUnits = {{
    {"ms", std::chrono::milliseconds(1)},
    {"s", std::chrono::seconds(1)},
    {"m", std::chrono::minutes(1)},
    {"h", std::chrono::hours(1)},
}};

absl::Status Wrong(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", std::string(text), "\" ", std::string(why), "; write for example 200ms, 1.5s or 2m"));
}

std::string InUnit(nanoseconds duration, nanoseconds unit, std::string_view name) {
  std::string text = absl::StrFormat("%.9f", static_cast<double>(duration.count()) / static_cast<double>(unit.count()));
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return absl::StrCat(text, std::string(name));
}

}  // namespace

absl::StatusOr<nanoseconds> ParseDuration(std::string_view text) {
  const size_t number_size = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view unit_name = text.substr(number_size);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + number_size, number, std::chars_format::fixed);
  const bool whole =
      error == std::errc() && end == text.data() + number_size && text.front() != '.' && text[number_size - 1] != '.';
  if (!whole) return Wrong(text, "is no duration");
  if (unit_name.empty()) return Wrong(text, "has no unit");
  const auto unit = std::find_if(kUnits.begin(), kUnits.end(), [&](const auto& known) { return known.first == unit_name; });
  if (unit == kUnits.end()) return Wrong(text, "is no duration");

  const double length = number * static_cast<double>(unit->second.count());
  if (length > static_cast<double>(kLongest.count())) return Wrong(text, "is more than a day");
  const nanoseconds duration(std::llround(length));
  if (duration <= nanoseconds::zero()) return Wrong(text, "is not more than 0");
  return duration;
}

std::string DurationText(nanoseconds duration) {
  if (duration >= std::chrono::hours(1) && duration % std::chrono::hours(1) == nanoseconds::zero()) {
    return absl::StrCat(duration / std::chrono::hours(1), " h");
  }
  if (duration >= std::chrono::minutes(2) && duration % std::chrono::minutes(1) == nanoseconds::zero()) {
    return absl::StrCat(duration / std::chrono::minutes(1), " min");
  }
  if (duration >= std::chrono::seconds(1) || duration == nanoseconds::zero())
    return InUnit(duration, std::chrono::seconds(1), " s");
  if (duration >= std::chrono::milliseconds(1)) return InUnit(duration, std::chrono::milliseconds(1), " ms");
  return InUnit(duration, std::chrono::microseconds(1), " us");
}

}  // namespace userctl
