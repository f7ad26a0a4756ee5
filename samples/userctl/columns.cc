#include "columns.h"

#include <chrono>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "printable.h"

namespace userctl {

std::string Column(std::string text, size_t width) {
  const size_t shown = Width(text);
  if (shown < width) text.append(width - shown, ' ');
  return text + "  ";
}

std::string TimeText(int64_t unix_seconds) {
  constexpr int64_t kYear0 = -62167219200;
  constexpr int64_t kYear10000 = 253402300800;
  if (unix_seconds < kYear0 || unix_seconds >= kYear10000) return absl::StrCat(unix_seconds, "s after 1970");
  const std::chrono::sys_seconds time{std::chrono::seconds(unix_seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return absl::StrFormat("%04d-%02u-%02uT%02d:%02d:%02dZ", int{date.year()}, unsigned{date.month()}, unsigned{date.day()},
                         clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

std::string WithoutPrefix(std::string name, const std::string& prefix) {
  if (name.starts_with(prefix)) name.erase(0, prefix.size());
  return absl::AsciiStrToLower(name);
}

}  // namespace userctl
