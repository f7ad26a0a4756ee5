#pragma once

#include <google/protobuf/message.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "user/v1/user_service.pb.h"

namespace userclient::internal {

/// What is wrong with a request, field by field; of each field the first thing only.
class Violations {
 public:
  void Add(std::string_view field, std::string_view description);

  bool empty() const { return violations_.empty(); }
  /// INVALID_ARGUMENT that names every field, with google.rpc.BadRequest details.
  absl::Status ToStatus() const;

 private:
  std::vector<std::pair<std::string, std::string>> violations_;
};

/// Parses what came as a request; a string that is not UTF-8 is a violation of its field, and left out. *Errors:* INTERNAL for
/// bytes that are no message at all, and if none came.
absl::Status ParseRequest(std::optional<std::string_view> received, google::protobuf::Message& request, Violations& violations);

void Validate(const user::v1::GetUserRequest& request, Violations& violations);
/// Of the page_token only what can be seen without the store.
void Validate(const user::v1::ListUsersRequest& request, Violations& violations);
void Validate(const user::v1::CreateUserRequest& request, Violations& violations);
/// Of the positions only what can be seen without the store.
void Validate(const user::v1::StreamActivityRequest& request, Violations& violations);
void Validate(const user::v1::WatchUsersRequest& request, Violations& violations);
void Validate(const user::v1::LookupUsersRequest& request, Violations& violations);

}  // namespace userclient::internal
