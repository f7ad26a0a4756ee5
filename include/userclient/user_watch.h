#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "user/v1/user_service.pb.h"
#include "userclient/message_stream.h"

namespace userclient {

/// The changes of users as they happen; see UserClient::WatchUsers.
///
///   userclient::UserWatch watch = client->WatchUsers();
///   if (!watch.WaitStarted(10s)) ...               // from here on nothing is missed: now list the users
///   for (const user::v1::WatchUsersResponse& change : watch) Apply(change);
///
/// It lives until it is cancelled: servers may die, restart or fall silent meanwhile; it goes on at another one, and brings every
/// change once and in order. It ends only with what makes a watch impossible, for example a resume token that is too old
/// (OUT_OF_RANGE: list the users, and watch from the present).
///
/// Movable. One thread at a time takes changes. *Cancel and WaitStarted are thread-safe.*
class UserWatch {
 public:
  using Change = user::v1::WatchUsersResponse;
  struct State;

  explicit UserWatch(std::shared_ptr<State> state);
  UserWatch(UserWatch&&) noexcept;
  UserWatch& operator=(UserWatch&&) noexcept;
  /// Cancels it.
  ~UserWatch();

  /// As those of MessageStream.
  std::optional<Change> Next();
  PendingCall<std::optional<Change>> NextAsync();
  MessageStream<Change>::Iterator begin();
  static std::default_sentinel_t end() { return std::default_sentinel; }
  absl::Status status() const;
  void Cancel() const;

  /// Blocks until a server has said where the watch begins: true; or until the time is over, or the watch has ended: false. The
  /// server keeps all that happens from then on.
  bool WaitStarted(std::chrono::nanoseconds timeout) const;

  /// Where to go on after the last change that was taken, or further, if nothing has happened since. For another watch, also in
  /// another process: WatchUsersRequest::resume_token. Empty before the beginning.
  std::string resume_token() const;

 private:
  std::shared_ptr<State> state_;
  MessageStream<Change> stream_;
};

}  // namespace userclient
