#include "user_view.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "printable.h"

namespace userctl {
namespace {

constexpr size_t kIdWidth = 10;
constexpr size_t kEmailWidth = 26;
constexpr size_t kTimeWidth = 20;
constexpr size_t kStatusWidth = 9;

std::string Padded(std::string text, size_t width) {
  const size_t shown = Width(text);
  if (shown < width) text.append(width - shown, ' ');
  return text + "  ";
}

/// RFC 3339, in UTC; a time outside the years 0 to 9999, which that cannot say, as its number of seconds.
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

/// "USER_STATUS_ACTIVE", or the number of a status that is newer than this program.
std::string StatusName(user::v1::UserStatus status) {
  std::string name(user::v1::UserStatus_Name(status));
  return name.empty() ? std::to_string(static_cast<int>(status)) : name;
}

/// "active"
std::string StatusText(user::v1::UserStatus status) {
  constexpr std::string_view kPrefix = "USER_STATUS_";
  std::string name = StatusName(status);
  if (name.starts_with(kPrefix)) name.erase(0, kPrefix.size());
  return absl::AsciiStrToLower(name);
}

}  // namespace

UserView::UserView(const user::v1::User& user)
    : user_id(user.user_id()),
      email(user.email()),
      display_name(user.display_name()),
      created_at_unix(user.created_at_unix()),
      status(user.status()) {}

UserView::UserView(const user::v1::GetUserResponse& response)
    : user_id(response.user_id()),
      email(response.email()),
      display_name(response.display_name()),
      created_at_unix(response.created_at_unix()) {}

nlohmann::ordered_json ToJson(const UserView& user) {
  nlohmann::ordered_json json = {{"user_id", user.user_id},
                                 {"email", user.email},
                                 {"display_name", user.display_name},
                                 {"created_at_unix", user.created_at_unix}};
  if (user.status) json["status"] = StatusName(*user.status);
  return json;
}

std::string ToText(const UserView& user) {
  std::string text =
      absl::StrCat("user_id:      ", Printable(user.user_id), "\nemail:        ", Printable(user.email),
                   "\ndisplay_name: ", Printable(user.display_name), "\ncreated_at:   ", TimeText(user.created_at_unix));
  if (user.status) absl::StrAppend(&text, "\nstatus:       ", StatusText(*user.status));
  return text;
}

std::string ToTableRow(const UserView& user) {
  return absl::StrCat(Padded(Printable(user.user_id), kIdWidth), Padded(Printable(user.email), kEmailWidth),
                      Padded(TimeText(user.created_at_unix), kTimeWidth),
                      user.status ? Padded(StatusText(*user.status), kStatusWidth) : std::string(), Printable(user.display_name));
}

std::string TableHeader(bool with_status) {
  return absl::StrCat(Padded("USER_ID", kIdWidth), Padded("EMAIL", kEmailWidth), Padded("CREATED_AT", kTimeWidth),
                      with_status ? Padded("STATUS", kStatusWidth) : std::string(), "DISPLAY_NAME");
}

}  // namespace userctl
