#include "user_lookup.h"

#include <string>
#include <utility>

#include "userclient/internal/call_engine.h"

namespace userclient {

using user::v1::LookupUsersRequest;
using user::v1::LookupUsersResponse;

bool AnswersLookup(const LookupUsersRequest& question, const LookupUsersResponse& answer) {
  return answer.user_id() == question.user_id() && answer.result_case() != LookupUsersResponse::RESULT_NOT_SET;
}

UserLookup::UserLookup(std::unique_ptr<const State> state) : state_(std::move(state)) {}
UserLookup::UserLookup(UserLookup&&) noexcept = default;
UserLookup& UserLookup::operator=(UserLookup&&) noexcept = default;
UserLookup::~UserLookup() = default;

PendingCall<UserLookup::Answer> UserLookup::Ask(std::string_view user_id) const {
  LookupUsersRequest request;
  request.set_user_id(std::string(user_id));
  return state_->conversation.Ask(std::move(request));
}

absl::Status UserLookup::Finish() const { return state_->conversation.Finish(); }

PendingCall<std::monostate> UserLookup::FinishAsync() const { return state_->conversation.FinishAsync(); }

void UserLookup::Cancel() const { state_->conversation.Cancel(); }

absl::StatusOr<std::vector<LookupUsersResponse>> LookUpAll(UserLookup lookup, const std::vector<std::string>& user_ids) {
  if (absl::Status status = internal::CheckMayBlock(); !status.ok()) return status;
  std::vector<PendingCall<LookupUsersResponse>> pending;
  pending.reserve(user_ids.size());
  for (const std::string& user_id : user_ids) pending.push_back(lookup.Ask(user_id));

  absl::Status failure;
  std::vector<LookupUsersResponse> answers;
  answers.reserve(user_ids.size());
  for (PendingCall<LookupUsersResponse>& question : pending) {
    absl::StatusOr<LookupUsersResponse> answer = std::move(question).Get();
    if (!answer.ok()) {
      failure = answer.status();
      lookup.Cancel();
      break;
    }
    answers.push_back(*std::move(answer));
  }
  // So that what the options point to is filled.
  const absl::Status finished = lookup.Finish();
  if (!failure.ok()) return failure;
  if (!finished.ok()) return finished;
  return answers;
}

}  // namespace userclient
