#pragma once

#include <memory>
#include <string_view>
#include <variant>

#include "absl/status/status.h"
#include "user/v1/user_service.pb.h"
#include "userclient/pending_call.h"

namespace userclient {

/// Users looked up one by one over one stream, without one waiting for the other; see UserClient::LookupUsers.
///
///   userclient::UserLookup lookup = client->LookupUsers();
///   userclient::PendingCall<user::v1::LookupUsersResponse> first = lookup.Ask("u-1");
///   userclient::PendingCall<user::v1::LookupUsersResponse> second = lookup.Ask("u-2");
///   absl::StatusOr<user::v1::LookupUsersResponse> user = std::move(second).Get();          // has_user(), or not_found()
///
/// The stream opens with the first question and stays open for the next ones. At most 64 are with the server unanswered; the
/// others wait here in order. When a server dies, what is unanswered is asked again at another one: every question gets exactly
/// one answer. When no server can be had for a while, what is unanswered fails as a call would; later questions try anew.
///
/// Movable. When it is destroyed, what is unanswered ends with CANCELLED. *Thread-safe* but for moving and destroying it.
class UserLookup {
 public:
  using Answer = user::v1::LookupUsersResponse;
  struct State;

  explicit UserLookup(std::unique_ptr<const State> state);
  UserLookup(UserLookup&&) noexcept;
  UserLookup& operator=(UserLookup&&) noexcept;
  ~UserLookup();

  /// Never blocks. Dropping the answer ignores it; cancelling it takes this question back, and no other. *Errors* of the answer:
  /// INVALID_ARGUMENT if the server finds this id wrong (the others go on); RESOURCE_EXHAUSTED at once if 10,000 questions are
  /// waiting already; FAILED_PRECONDITION after Finish; else those of a stream that has failed.
  PendingCall<Answer> Ask(std::string_view user_id) const;

  /// No question follows. Blocks until the last answer has come. OK: every question was answered, taken back, or refused by the
  /// server as wrong; else what the first that was not has failed with.
  absl::Status Finish() const;

  /// The same without a thread that waits.
  PendingCall<std::monostate> FinishAsync() const;

  /// Ends what is unanswered with CANCELLED, and whatever is asked from now on. Never blocks.
  void Cancel() const;

 private:
  std::unique_ptr<const State> state_;
};

}  // namespace userclient
