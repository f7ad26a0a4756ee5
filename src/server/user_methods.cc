#include "server/user_methods.h"

#include "server/page_token.h"

namespace userclient::internal {
namespace {

constexpr int kDefaultPageSize = 100;

}  // namespace

absl::StatusOr<user::v1::GetUserResponse> UserMethods::GetUser(const user::v1::GetUserRequest& request,
                                                               Violations violations) const {
  Validate(request, violations);
  if (!violations.empty()) return violations.ToStatus();
  absl::StatusOr<user::v1::User> user = store_.Get(request.user_id());
  if (!user.ok()) return user.status();
  user::v1::GetUserResponse response;
  response.set_user_id(user->user_id());
  response.set_email(user->email());
  response.set_display_name(user->display_name());
  response.set_created_at_unix(user->created_at_unix());
  return response;
}

absl::StatusOr<user::v1::ListUsersResponse> UserMethods::ListUsers(const user::v1::ListUsersRequest& request,
                                                                   Violations violations) const {
  Validate(request, violations);
  if (!violations.empty()) return violations.ToStatus();
  PageQuery query{.limit = request.page_size() != 0 ? request.page_size() : kDefaultPageSize};
  if (const std::optional<PageToken> token = DecodePageToken(request.page_token())) {
    query.after = token->after;
    query.until = token->until;
  }
  absl::StatusOr<UserPage> page = store_.List(query);
  if (absl::IsOutOfRange(page.status())) {
    violations.Add("page_token", "must be a next_page_token of this service");
    return violations.ToStatus();
  }
  if (!page.ok()) return page.status();
  user::v1::ListUsersResponse response;
  for (user::v1::User& user : page->users) *response.add_users() = std::move(user);
  if (page->more) response.set_next_page_token(EncodePageToken({.after = page->last, .until = page->until}));
  response.set_total_count(page->total_count);
  return response;
}

absl::StatusOr<user::v1::CreateUserResponse> UserMethods::CreateUser(const user::v1::CreateUserRequest& request,
                                                                     Violations violations) const {
  Validate(request, violations);
  if (!violations.empty()) return violations.ToStatus();
  absl::StatusOr<user::v1::User> user = store_.Create(
      {.email = request.email(), .display_name = request.display_name(), .idempotency_key = request.idempotency_key()});
  if (!user.ok()) return user.status();
  feed_.Notify();
  user::v1::CreateUserResponse response;
  *response.mutable_user() = *std::move(user);
  return response;
}

}  // namespace userclient::internal
