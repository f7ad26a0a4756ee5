#pragma once

/// The user service as a GoogleMock. The code under test is given the UserClient that it is given in production, with all of its
/// policies; what the mock returns is what a server would have answered. Needs GoogleMock (GTest::gmock), which the library
/// itself does not.
///
///   MockUserService service;
///   EXPECT_CALL(service, GetUser(HasUserId("u-1"))).WillOnce(Return(absl::NotFoundError("no such user")));
///   EXPECT_CALL(service, StreamActivity).WillOnce(Sends<ActivityEvent>({login, logout}));
///   CodeUnderTest code(service.client());
///
/// A call that nothing is expected of is UNIMPLEMENTED, naming the method. An expectation counts attempts, which are calls as
/// long as the client has no retry policy (client() has none; NewClient takes a service config).
///
/// How the code under test meets
///   an error of the server's   Return(absl::UnavailableError("..."))
///   an error with details      Return(WithDetails(absl::InvalidArgumentError("..."), {.field_violations = ...}))
///   a deadline that passes     NeverAnswers(), and the timeout that the code gives; or at once
///                              Return(absl::DeadlineExceededError("..."))
///   an open circuit            service.client().OverrideCircuit("reads", CircuitOverride::kOpen): RejectionOf tells kCircuitOpen
///   a client that shuts down   service.client().Shutdown(0s): RejectionOf tells kShutdown
///   a full compartment         NewClient with "maxConcurrentCalls": 1, and a call that NeverAnswers()
///   retries                    NewClient with a retryPolicy, and WillOnce(...).WillOnce(...)
///
/// Whatever the actions use must be there for as long as the mock may be called, which is until it stops: by its destructor, or
/// by Stop. A class that derives from it and has members of its own calls Stop in its destructor, because these go first:
///
///   class RecordingService final : public MockUserService {
///    public:
///     ~RecordingService() override { Stop(); }
///
///    private:
///     Recording recording_;
///   };
///
/// For a server with a store of its own, that crashes and restarts, see flaky_user_server.h; for a bad network fault_proxy.h.

#include <gmock/gmock.h>

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "user/v1/user_service.pb.h"
#include "userclient/client_options.h"
#include "userclient/testing/in_process_user_service.h"
#include "userclient/user_client.h"

namespace userclient::testing {

/// Works with NiceMock and StrictMock. *Thread-safe* as GoogleMock is: set what is expected before calling.
class MockUserService : public UserServiceHandler {
 public:
  MockUserService() {
    ON_CALL(*this, GetUser).WillByDefault(::testing::Return(Unimplemented("GetUser")));
    ON_CALL(*this, ListUsers).WillByDefault(::testing::Return(Unimplemented("ListUsers")));
    ON_CALL(*this, CreateUser).WillByDefault(::testing::Return(Unimplemented("CreateUser")));
    ON_CALL(*this, BatchCreateUsers).WillByDefault(::testing::Return(Unimplemented("BatchCreateUsers")));
    ON_CALL(*this, StreamActivity).WillByDefault(::testing::Return(Unimplemented("StreamActivity")));
    ON_CALL(*this, WatchUsers).WillByDefault(::testing::Return(Unimplemented("WatchUsers")));
    ON_CALL(*this, LookupUsers).WillByDefault(::testing::Return(Unimplemented("LookupUsers")));
  }

  MOCK_METHOD(absl::StatusOr<user::v1::GetUserResponse>, GetUser, (const user::v1::GetUserRequest& request), (override));
  MOCK_METHOD(absl::StatusOr<user::v1::ListUsersResponse>, ListUsers, (const user::v1::ListUsersRequest& request), (override));
  MOCK_METHOD(absl::StatusOr<user::v1::CreateUserResponse>, CreateUser, (const user::v1::CreateUserRequest& request), (override));
  MOCK_METHOD(absl::StatusOr<user::v1::BatchCreateUsersResponse>, BatchCreateUsers,
              (const std::vector<user::v1::CreateUserRequest>& users), (override));
  MOCK_METHOD(absl::Status, StreamActivity,
              (const user::v1::StreamActivityRequest& request, StreamWriter<user::v1::ActivityEvent>& events), (override));
  MOCK_METHOD(absl::Status, WatchUsers,
              (const user::v1::WatchUsersRequest& request, StreamWriter<user::v1::WatchUsersResponse>& changes), (override));
  MOCK_METHOD(absl::StatusOr<user::v1::LookupUsersResponse>, LookupUsers, (const user::v1::LookupUsersRequest& request),
              (override));

  /// As those of InProcessUserService.
  UserClient client() const { return service_.client(); }
  absl::StatusOr<UserClient> NewClient(ClientOptions options) const { return service_.NewClient(std::move(options)); }
  void Stop() { service_.Stop(); }

 private:
  // Last: it goes first, and takes with it whoever still calls the mock.
  InProcessUserService service_{*this};
};

/// The action of a stream that sends these messages and ends: well, or with this status.
template <class Message>
auto Sends(std::vector<Message> messages, absl::Status end = absl::OkStatus()) {
  return [messages = std::move(messages), end = std::move(end)](const auto&, StreamWriter<Message>& writer) {
    for (const Message& message : messages) {
      if (!writer.Write(message)) return absl::CancelledError("the client has gone");
    }
    return end;
  };
}

/// The same for a stream that sends no end, until its client leaves: a watch that nothing happens to any more, a server that
/// hangs.
template <class Message>
auto SendsAndStaysOpen(std::vector<Message> messages) {
  return [send = Sends(std::move(messages))](const auto& request, StreamWriter<Message>& writer) {
    const absl::Status sent = send(request, writer);
    return sent.ok() ? AwaitCancelled() : sent;
  };
}

/// The action of any method whose client waits in vain.
inline auto NeverAnswers() {
  return [](const auto&...) { return AwaitCancelled(); };
}

}  // namespace userclient::testing
