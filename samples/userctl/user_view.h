#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "user/v1/user_service.pb.h"

namespace userctl {

/// A user as this program shows it, wherever it comes from.
struct UserView {
  explicit UserView(const user::v1::User& user);
  explicit UserView(const user::v1::GetUserResponse& response);

  std::string user_id;
  std::string email;
  std::string display_name;
  int64_t created_at_unix = 0;
  /// Absent: the answer has no such field.
  std::optional<user::v1::UserStatus> status{};
};

/// Keys as in the proto.
nlohmann::ordered_json ToJson(const UserView& user);

/// Lines of `key: value`, aligned, without a newline at the end.
std::string ToText(const UserView& user);

/// One line of a table, and the line above all others. Columns grow with long values, so that no value is ever cut.
std::string ToTableRow(const UserView& user);
std::string TableHeader(bool with_status);

}  // namespace userctl
