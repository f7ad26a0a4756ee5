#pragma once

/// A user service whose answers are functions of the test, and real clients of it, without a network. mock_user_service.h makes a
/// GoogleMock of it; a fake with a memory of its own derives from UserServiceHandler:
///
///   class OneUser final : public UserServiceHandler {
///     absl::StatusOr<user::v1::GetUserResponse> GetUser(const user::v1::GetUserRequest& request) override { ... }
///   };
///
///   OneUser one_user;
///   InProcessUserService service(one_user);
///   CodeUnderTest code(service.client());

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "user/v1/user_service.pb.h"
#include "userclient/client_options.h"
#include "userclient/error_details.h"
#include "userclient/user_client.h"

namespace userclient::testing {

/// The answers of a stream, as its handler writes them.
template <class Message>
class StreamWriter {
 public:
  /// Blocks while the client has more than it can take. False: it has gone, and nothing will reach it.
  virtual bool Write(const Message& message) = 0;

 protected:
  ~StreamWriter() = default;
};

/// What a server does about the rpcs of user.v1.UserService. Called on threads of their own, for many calls at once; may block.
/// The client is told code, message and payloads (see WithDetails) of a status as they are. What throws is INTERNAL.
///
/// What is not overridden is UNIMPLEMENTED.
class UserServiceHandler {
 public:
  virtual ~UserServiceHandler() = default;

  virtual absl::StatusOr<user::v1::GetUserResponse> GetUser(const user::v1::GetUserRequest& request);
  virtual absl::StatusOr<user::v1::ListUsersResponse> ListUsers(const user::v1::ListUsersRequest& request);
  virtual absl::StatusOr<user::v1::CreateUserResponse> CreateUser(const user::v1::CreateUserRequest& request);
  /// With all that the client sent, once it has sent it. A client sends a large batch in several calls.
  virtual absl::StatusOr<user::v1::BatchCreateUsersResponse> BatchCreateUsers(
      const std::vector<user::v1::CreateUserRequest>& users);
  /// What it returns is how the stream ends. The client resumes it, with another call, after an end that may be different at
  /// another server, for example UNAVAILABLE.
  virtual absl::Status StreamActivity(const user::v1::StreamActivityRequest& request,
                                      StreamWriter<user::v1::ActivityEvent>& events);
  /// A watch has no end of its own: the client resumes it with another call however it ends, except by what makes a watch
  /// impossible. See AwaitCancelled.
  virtual absl::Status WatchUsers(const user::v1::WatchUsersRequest& request,
                                  StreamWriter<user::v1::WatchUsersResponse>& changes);
  /// One question of a stream; they come one after the other. An error ends the stream.
  virtual absl::StatusOr<user::v1::LookupUsersResponse> LookupUsers(const user::v1::LookupUsersRequest& request);
};

/// The status that says of a method what UserServiceHandler says.
absl::Status Unimplemented(std::string_view method);

/// For a handler: blocks until the client has given up the call that this thread answers, because its deadline has passed, it was
/// cancelled, or the test is over. Gives CANCELLED, to be returned. Aborts the process on a thread that answers no call.
absl::Status AwaitCancelled();

/// The status, an error, with google.rpc error details, so that ErrorDetailsOf gives these to the client. `raw`, if there is any,
/// is sent as it is, and nothing else.
absl::Status WithDetails(absl::Status status, const ErrorDetails& details);

/// The service config of clients that bring none: 30 s for every call, and nothing is retried. The compartments `reads`, `writes`
/// and `streams` have circuit breakers that do not open by themselves, for UserClient::OverrideCircuit.
std::string_view InProcessServiceConfig();

/// Serves a handler to clients in the same process. *Thread-safe.*
class InProcessUserService {
 public:
  /// The handler must outlive it.
  explicit InProcessUserService(UserServiceHandler& handler);

  /// Stops.
  ~InProcessUserService();

  InProcessUserService(const InProcessUserService&) = delete;
  InProcessUserService& operator=(const InProcessUserService&) = delete;

  /// A handle on the client that is connected to it, the same each time, with InProcessServiceConfig.
  UserClient client() const;

  /// Another client, with a service config, fallbacks, listeners of its own. *Errors:* those of UserClient::Create;
  /// FAILED_PRECONDITION after Stop. Target, credentials and channel factory must be absent.
  absl::StatusOr<UserClient> NewClient(ClientOptions options) const;

  /// Shuts its clients down, who refuse calls from now on (Rejection::kShutdown); cancels what is under way, and blocks until the
  /// handler has returned from it: nobody calls the handler any more. Not from the handler. May be called more than once.
  void Stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace userclient::testing
