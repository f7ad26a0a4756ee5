#include "user_watch.h"

#include <algorithm>

namespace userclient {

StreamProgress AdvanceWatch(user::v1::WatchUsersRequest& request, const user::v1::WatchUsersResponse& message) {
  // One without a token says nothing of where to go on.
  if (!message.resume_token().empty()) request.set_resume_token(message.resume_token());
  // Without a user it only says how far the watch has come.
  return message.has_user() ? StreamProgress::kMessage : StreamProgress::kPosition;
}

UserWatch::UserWatch(std::shared_ptr<State> state) : state_(std::move(state)), stream_(state_->stream->box()) {}
UserWatch::UserWatch(UserWatch&&) noexcept = default;
UserWatch& UserWatch::operator=(UserWatch&&) noexcept = default;
UserWatch::~UserWatch() = default;

std::optional<UserWatch::Change> UserWatch::Next() { return stream_.Next(); }

PendingCall<std::optional<UserWatch::Change>> UserWatch::NextAsync() { return stream_.NextAsync(); }

MessageStream<UserWatch::Change>::Iterator UserWatch::begin() { return stream_.begin(); }

absl::Status UserWatch::status() const { return stream_.status(); }

void UserWatch::Cancel() const { stream_.Cancel(); }

bool UserWatch::WaitStarted(std::chrono::nanoseconds timeout) const {
  const auto now = std::chrono::steady_clock::now();
  const auto longest = std::chrono::steady_clock::time_point::max() - now;
  return state_->stream->WaitStarted(now + std::min<std::chrono::nanoseconds>(timeout, longest));
}

std::string UserWatch::resume_token() const { return state_->stream->Position().resume_token(); }

}  // namespace userclient
