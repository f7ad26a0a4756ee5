#pragma once

#include "absl/status/statusor.h"
#include "server/user_feed.h"
#include "server/validation.h"
#include "user/v1/user_service.pb.h"
#include "userclient/server/user_store.h"

namespace userclient::internal {

/// What each unary rpc does, once its request has been parsed: validate, ask the store, make the response. `violations` are those
/// found while parsing.
class UserMethods {
 public:
  /// Both outlive it.
  UserMethods(UserStore& store, UserFeed& feed) : store_(store), feed_(feed) {}

  absl::StatusOr<user::v1::GetUserResponse> GetUser(const user::v1::GetUserRequest& request, Violations violations) const;
  absl::StatusOr<user::v1::ListUsersResponse> ListUsers(const user::v1::ListUsersRequest& request, Violations violations) const;
  absl::StatusOr<user::v1::CreateUserResponse> CreateUser(const user::v1::CreateUserRequest& request,
                                                          Violations violations) const;

 private:
  UserStore& store_;
  UserFeed& feed_;
};

}  // namespace userclient::internal
