// The tests that docs/testing.md shows: what stands between "[name]" and "[end]" is shown there word for word.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "userclient/error_details.h"
#include "userclient/rejection.h"
#include "userclient/testing/fake_clock.h"
#include "userclient/testing/fault_proxy.h"
#include "userclient/testing/flaky_user_server.h"
#include "userclient/testing/mock_user_service.h"
#include "userclient/user_client.h"

namespace shop {
namespace {

// [code under test]
/// Greets users by their names, if the user service tells them soon enough.
class Greeter {
 public:
  explicit Greeter(userclient::UserClient users, std::chrono::nanoseconds patience = std::chrono::seconds(30))
      : users_(std::move(users)), patience_(patience) {}

  std::string Greet(const std::string& user_id) const {
    user::v1::GetUserRequest request;
    request.set_user_id(user_id);
    const absl::StatusOr<user::v1::GetUserResponse> user = users_.GetUser(request, {.timeout = patience_});
    if (user.ok()) return "Hello, " + user->display_name();
    if (absl::IsNotFound(user.status())) return "Hello, stranger";
    if (userclient::RejectionOf(user.status()) == userclient::Rejection::kCircuitOpen) return "Hello (we know that it is down)";
    return "Hello";
  }

 private:
  userclient::UserClient users_;
  std::chrono::nanoseconds patience_;
};
// [end]

/// Tells new users from old ones.
class Newcomers {
 public:
  explicit Newcomers(const userclient::UserClient& users) : watch_(users.WatchUsers()) {}

  /// Blocks until somebody comes.
  std::string Next() {
    while (std::optional<user::v1::WatchUsersResponse> change = watch_.Next()) {
      if (change->kind() == user::v1::USER_CHANGE_KIND_CREATED) return change->user().user_id();
    }
    return "";
  }

 private:
  userclient::UserWatch watch_;
};

/// Empty, or what is wrong with the address.
std::string SignUp(const userclient::UserClient& users, const std::string& email) {
  user::v1::CreateUserRequest request;
  request.set_email(email);
  const absl::StatusOr<user::v1::CreateUserResponse> user = users.CreateUser(request);
  if (user.ok()) return "";
  for (const userclient::FieldViolation& wrong : userclient::ErrorDetailsOf(user.status()).field_violations) {
    if (wrong.field == "email") return wrong.description;
  }
  return "please try again later";
}

/// Something that is good for ten minutes.
class Session {
 public:
  explicit Session(std::function<std::chrono::steady_clock::time_point()> now) : now_(std::move(now)), began_(now_()) {}
  bool IsOpen() const { return now_() < began_ + std::chrono::minutes(10); }

 private:
  std::function<std::chrono::steady_clock::time_point()> now_;
  std::chrono::steady_clock::time_point began_;
};

// [using]
using ::testing::Return;
using user::v1::GetUserRequest;
using user::v1::GetUserResponse;
using userclient::testing::BlackHole;
using userclient::testing::Fail;
using userclient::testing::FakeClock;
using userclient::testing::FaultProxy;
using userclient::testing::FlakyUserServer;
using userclient::testing::InProcessUserService;
using userclient::testing::MockUserService;
using userclient::testing::NeverAnswers;
using userclient::testing::Ok;
using userclient::testing::SendsAndStaysOpen;
using userclient::testing::UserServiceHandler;
using userclient::testing::WithDetails;
using namespace std::chrono_literals;
// [end]

// [mock]
TEST(GreeterTest, GreetsByName) {
  MockUserService service;
  GetUserResponse ada;
  ada.set_display_name("Ada");
  EXPECT_CALL(service, GetUser).WillOnce(Return(ada));
  const Greeter greeter(service.client());

  EXPECT_EQ(greeter.Greet("u-1"), "Hello, Ada");
}

TEST(GreeterTest, GreetsStrangers) {
  MockUserService service;
  EXPECT_CALL(service, GetUser).WillOnce(Return(absl::NotFoundError("no such user")));
  const Greeter greeter(service.client());

  EXPECT_EQ(greeter.Greet("u-1"), "Hello, stranger");
}
// [end]

// [mock deadline]
TEST(GreeterTest, DoesNotWaitForEver) {
  MockUserService service;
  EXPECT_CALL(service, GetUser).WillRepeatedly(NeverAnswers());
  const Greeter greeter(service.client(), 100ms);

  EXPECT_EQ(greeter.Greet("u-1"), "Hello");
}
// [end]

// [mock circuit]
TEST(GreeterTest, KnowsThatTheServiceIsDown) {
  MockUserService service;
  ASSERT_TRUE(service.client().OverrideCircuit("reads", userclient::CircuitOverride::kOpen).ok());
  const Greeter greeter(service.client());

  EXPECT_EQ(greeter.Greet("u-1"), "Hello (we know that it is down)");
}
// [end]

// [mock retry]
TEST(GreeterTest, OurConfigRetries) {
  MockUserService service;
  EXPECT_CALL(service, GetUser).WillOnce(Return(absl::UnavailableError("restarting"))).WillOnce(Return(GetUserResponse()));
  const absl::StatusOr<userclient::UserClient> client = service.NewClient({.service_config_json = R"({
    "methodConfig": [{
      "name": [{"service": "user.v1.UserService"}],
      "timeout": "5s",
      "retryPolicy": {"maxAttempts": 3, "initialBackoff": "0.01s", "maxBackoff": "0.01s", "backoffMultiplier": 1,
                      "retryableStatusCodes": ["UNAVAILABLE"]}
    }]})"});
  ASSERT_TRUE(client.ok()) << client.status();
  const Greeter greeter(*client);

  EXPECT_EQ(greeter.Greet("u-1"), "Hello, ");
}
// [end]

// [mock details]
TEST(SignUpTest, ShowsWhatIsWrongWithTheAddress) {
  MockUserService service;
  EXPECT_CALL(service, CreateUser)
      .WillOnce(Return(WithDetails(absl::InvalidArgumentError("invalid request"),
                                   {.field_violations = {{.field = "email", .description = "needs an @"}}})));

  EXPECT_EQ(SignUp(service.client(), "ada"), "needs an @");
}
// [end]

// [mock stream]
TEST(NewcomersTest, TellsWhoHasCome) {
  user::v1::WatchUsersResponse begin;
  begin.set_resume_token("t-0");
  user::v1::WatchUsersResponse created;
  created.set_resume_token("t-1");
  created.set_kind(user::v1::USER_CHANGE_KIND_CREATED);
  created.mutable_user()->set_user_id("u-9");
  MockUserService service;
  EXPECT_CALL(service, WatchUsers).WillOnce(SendsAndStaysOpen<user::v1::WatchUsersResponse>({begin, created}));
  Newcomers newcomers(service.client());

  EXPECT_EQ(newcomers.Next(), "u-9");
}
// [end]

// [handler]
/// Knows everybody.
class Directory final : public UserServiceHandler {
 public:
  absl::StatusOr<GetUserResponse> GetUser(const GetUserRequest& request) override {
    GetUserResponse user;
    user.set_display_name("number " + request.user_id());
    return user;
  }
};

TEST(GreeterTest, GreetsEverybody) {
  Directory directory;
  const InProcessUserService service(directory);
  const Greeter greeter(service.client());

  EXPECT_EQ(greeter.Greet("7"), "Hello, number 7");
}
// [end]

// [server]
TEST(GreeterTest, SurvivesARestart) {
  absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 1});
  ASSERT_TRUE(server.ok()) << server.status();
  const absl::StatusOr<userclient::UserClient> client =
      userclient::UserClient::Create({.target = server->address(), .credentials = userclient::Credentials::Insecure()});
  ASSERT_TRUE(client.ok()) << client.status();
  const Greeter greeter(*client);
  ASSERT_TRUE(client->WaitReady(30s));

  server->Stop();
  EXPECT_EQ(greeter.Greet("u-1"), "Hello");

  ASSERT_TRUE(server->Restart().ok());
  ASSERT_TRUE(client->WaitReady(30s));
  EXPECT_NE(greeter.Greet("u-1"), "Hello");
}
// [end]

// [script]
TEST(GreeterTest, AsksOnceMoreIfTheServerSaysSo) {
  absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 1});
  ASSERT_TRUE(server.ok()) << server.status();
  server->Script("GetUser", {Fail(absl::StatusCode::kUnavailable).WithPushback(20ms), Ok()});
  const absl::StatusOr<userclient::UserClient> client =
      userclient::UserClient::Create({.target = server->address(), .credentials = userclient::Credentials::Insecure()});
  ASSERT_TRUE(client.ok()) << client.status();
  ASSERT_TRUE(client->WaitReady(30s));
  const GetUserRequest request = [] {
    GetUserRequest ada;
    ada.set_user_id("u-1");
    return ada;
  }();

  EXPECT_TRUE(client->GetUser(request).ok());

  EXPECT_EQ(server->attempts("GetUser"), 2);
  EXPECT_EQ(server->ReceivedAttempts("GetUser")[1].previous_attempts, 1);
}
// [end]

// [proxy]
TEST(GreeterTest, GreetsWithoutANameWhileTheNetworkIsDead) {
  absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 1});
  ASSERT_TRUE(server.ok()) << server.status();
  const absl::StatusOr<std::unique_ptr<FaultProxy>> network = FaultProxy::Start({.upstream = server->address()});
  ASSERT_TRUE(network.ok()) << network.status();
  const absl::StatusOr<userclient::UserClient> client =
      userclient::UserClient::Create({.target = (*network)->address(), .credentials = userclient::Credentials::Insecure()});
  ASSERT_TRUE(client.ok()) << client.status();
  ASSERT_TRUE(client->WaitReady(30s));
  const Greeter greeter(*client, 2s);

  (*network)->Set(BlackHole());

  EXPECT_EQ(greeter.Greet("u-1"), "Hello");
  EXPECT_TRUE((*network)->Await([](const auto& counts) { return counts.swallowed > 0; }));
}
// [end]

// [clock]
TEST(SessionTest, IsOpenForTenMinutes) {
  FakeClock clock;
  const Session session(clock.function());

  clock.Advance(9min);
  EXPECT_TRUE(session.IsOpen());
  clock.Advance(1min);
  EXPECT_FALSE(session.IsOpen());
}
// [end]

}  // namespace
}  // namespace shop
