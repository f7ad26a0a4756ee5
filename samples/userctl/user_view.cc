#include "user_view.h"

#include "absl/strings/str_cat.h"
#include "columns.h"
#include "printable.h"

namespace userctl {
namespace {

constexpr size_t kIdWidth = 10;
constexpr size_t kEmailWidth = 26;
// "unspecified": of a server that does not tell.
constexpr size_t kStatusWidth = 11;

/// "USER_STATUS_ACTIVE", or the number of a status that is newer than this program.
std::string StatusName(user::v1::UserStatus status) {
  std::string name(user::v1::UserStatus_Name(status));
  return name.empty() ? std::to_string(static_cast<int>(status)) : name;
}

/// "active"
std::string StatusText(user::v1::UserStatus status) { return WithoutPrefix(StatusName(status), "USER_STATUS_"); }

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
  return absl::StrCat(Column(Printable(user.user_id), kIdWidth), Column(Printable(user.email), kEmailWidth),
                      Column(TimeText(user.created_at_unix), kTimeWidth),
                      user.status ? Column(StatusText(*user.status), kStatusWidth) : std::string(), Printable(user.display_name));
}

std::string TableHeader(bool with_status) {
  return absl::StrCat(Column("USER_ID", kIdWidth), Column("EMAIL", kEmailWidth), Column("CREATED_AT", kTimeWidth),
                      with_status ? Column("STATUS", kStatusWidth) : std::string(), "DISPLAY_NAME");
}

}  // namespace userctl
