#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "user/v1/user_service.pb.h"
#include "userclient/server/user_store.h"

namespace userclient::testing {

inline user::v1::CreateUserRequest NewUserNumber(int64_t number) {
  user::v1::CreateUserRequest request;
  request.set_email(absl::StrCat("new", number, "@example.com"));
  request.set_display_name(absl::StrCat("New ", number));
  return request;
}

/// NewUserNumber of 0 to `count` - 1.
inline std::vector<user::v1::CreateUserRequest> NewUsers(int64_t count) {
  std::vector<user::v1::CreateUserRequest> requests;
  for (int64_t number = 0; number < count; ++number) requests.push_back(NewUserNumber(number));
  return requests;
}

/// How many users a store holds.
inline int64_t CountUsers(UserStore& store) {
  const absl::StatusOr<UserPage> page = store.List({.limit = 1});
  return page.ok() ? page->total_count : -1;
}

/// Of all users, in order of creation.
inline std::vector<std::string> Emails(UserStore& store) {
  std::vector<std::string> emails;
  const absl::StatusOr<UserPage> page = store.List({.limit = 1'000'000});
  if (!page.ok()) return emails;
  for (const user::v1::User& user : page->users) emails.emplace_back(user.email());
  return emails;
}

}  // namespace userclient::testing
