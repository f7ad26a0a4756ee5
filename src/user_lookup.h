#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "user/v1/user_service.pb.h"
#include "userclient/conversation.h"
#include "userclient/user_lookup.h"

namespace userclient {

struct UserLookup::State {
  Conversation<user::v1::LookupUsersRequest, Answer> conversation;
};

/// Whether that is the user who was asked for.
bool AnswersLookup(const user::v1::LookupUsersRequest& question, const user::v1::LookupUsersResponse& answer);

/// Asks for all of them and waits: the answers in the order of the ids, or why the first that has none has none.
absl::StatusOr<std::vector<user::v1::LookupUsersResponse>> LookUpAll(UserLookup lookup, const std::vector<std::string>& user_ids);

}  // namespace userclient
