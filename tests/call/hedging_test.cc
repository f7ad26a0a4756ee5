// gRFC A6, "Hedging Policy", against real servers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/test_client.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using namespace std::chrono_literals;

struct HedgingJson {
  int max_attempts = 3;
  std::string delay = "0.02s";
  std::string codes = R"("UNAVAILABLE")";
};

std::string HedgingConfig(const HedgingJson& hedging = {}, const std::string& more = {}) {
  return absl::StrCat(
      R"({"methodConfig": [{"name": [{"service": "user.v1.UserService", "method": "GetUser"}], "timeout": "30s", )",
      R"("hedgingPolicy": {"maxAttempts": )", hedging.max_attempts, R"(, "hedgingDelay": ")", hedging.delay,
      R"(", "nonFatalStatusCodes": [)", hedging.codes, "]}}]", more, "}");
}

class HedgingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 1});
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));
  }

  absl::StatusOr<user::v1::GetUserResponse> GetUser(const std::string& config) {
    return ConnectTo(server_->address(), config).GetUser(AskFor("u-1"), {.report = &report_});
  }

  std::optional<FlakyUserServer> server_;
  CallReport report_;
};

TEST_F(HedgingTest, SendsASecondAttemptWhenTheFirstDoesNotAnswer) {
  server_->Script("GetUser", {Hang(), Ok()});

  const auto user = GetUser(HedgingConfig({.max_attempts = 2}));

  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(server_->attempts("GetUser"), 2);
  ASSERT_EQ(report_.attempts.size(), 2u);
  // A busy server may look at the second one first.
  EXPECT_THAT((std::vector{report_.attempts[0].status.code(), report_.attempts[1].status.code()}),
              ::testing::UnorderedElementsAre(StatusCode::kCancelled, StatusCode::kOk));
  EXPECT_EQ(report_.attempts[1].reason, AttemptReason::kHedge);
  EXPECT_GE(report_.attempts[1].started, 20ms);
}

TEST_F(HedgingTest, SendsOnlyOneWhenItAnswersInTime) {
  const auto user = GetUser(HedgingConfig({.delay = "20s"}));

  EXPECT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(server_->attempts("GetUser"), 1);
}

TEST_F(HedgingTest, WithoutADelaySendsAllAtOnce) {
  server_->Script("GetUser", {Hang(), Hang(), Ok()});

  const auto user = GetUser(HedgingConfig({.delay = "0s"}));

  EXPECT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(server_->attempts("GetUser"), 3);
}

TEST_F(HedgingTest, ANonFatalStatusSendsTheNextAtOnce) {
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable), Ok()});

  const auto user = GetUser(HedgingConfig({.delay = "20s"}));

  EXPECT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(server_->attempts("GetUser"), 2);
}

TEST_F(HedgingTest, AFatalStatusEndsTheCall) {
  server_->Script("GetUser", {Hang(), Fail(StatusCode::kPermissionDenied, "no")});

  const auto user = GetUser(HedgingConfig({.max_attempts = 2}));

  EXPECT_EQ(user.status().code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(user.status().message(), "no");
}

TEST_F(HedgingTest, WhenAllFailTheLastStatusIsReturned) {
  server_->Script(
      "GetUser", {Fail(StatusCode::kUnavailable, "1"), Fail(StatusCode::kUnavailable, "2"), Fail(StatusCode::kUnavailable, "3")});

  const auto user = GetUser(HedgingConfig({.delay = "20s"}));

  EXPECT_EQ(user.status().message(), "3");
  EXPECT_EQ(server_->attempts("GetUser"), 3);
  EXPECT_EQ(report_.end, CallEnd::kAttemptsExhausted);
}

TEST_F(HedgingTest, PushbackThatSaysStopSendsNoMore) {
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable, "stop").WithPushbackStop(), Ok()});

  const auto user = GetUser(HedgingConfig({.delay = "20s"}));

  EXPECT_EQ(user.status().message(), "stop");
  EXPECT_EQ(server_->attempts("GetUser"), 1);
}

TEST_F(HedgingTest, PushbackDelaysTheNext) {
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable).WithPushback(100ms), Ok()});

  const auto user = GetUser(HedgingConfig({.delay = "20s"}));

  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_GE(report_.attempts[1].waited, 99ms);
}

TEST_F(HedgingTest, AnExhaustedThrottleNeverFailsTheCall) {
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable).Times(4), Delay(100ms)});
  const UserClient client = ConnectTo(
      server_->address(),
      HedgingConfig({.max_attempts = 2, .delay = "0.01s"}, R"(, "retryThrottling": {"maxTokens": 4, "tokenRatio": 0.1})"));
  EXPECT_FALSE(client.GetUser(AskFor("u-1")).ok());
  EXPECT_FALSE(client.GetUser(AskFor("u-1")).ok());
  EXPECT_FALSE(client.GetUser(AskFor("u-1")).ok());
  server_->ClearRequests();

  const auto user = client.GetUser(AskFor("u-1"));

  EXPECT_TRUE(user.ok()) << "slow, and not hedged: " << user.status();
  EXPECT_EQ(server_->attempts("GetUser"), 1);
}

TEST_F(HedgingTest, TheDeadlineEndsItAll) {
  server_->ScriptRepeatedly("GetUser", {Hang()});
  const UserClient client = ConnectTo(server_->address(), HedgingConfig());
  ASSERT_TRUE(client.WaitReady(30s));

  const auto user = client.GetUser(AskFor("u-1"), {.timeout = 4s});

  EXPECT_EQ(user.status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(server_->attempts("GetUser"), 3);
}

TEST_F(HedgingTest, ALoserIsCancelledAndDoesNotCountAgainstTheServer) {
  const std::string breaker = R"(, "userclient": {"bulkheads": [{"name": "reads", "methods": [{"service": "user.v1.UserService"}],
      "circuitBreaker": {"minimumCalls": 2, "failureRatio": 0.1}}]})";
  const UserClient client = ConnectTo(server_->address(), HedgingConfig({.max_attempts = 2}, breaker));
  server_->Script("GetUser", {Hang(), Ok(), Hang(), Ok(), Hang(), Ok()});

  EXPECT_TRUE(client.GetUser(AskFor("u-1")).ok());
  EXPECT_TRUE(client.GetUser(AskFor("u-1")).ok());
  EXPECT_TRUE(client.GetUser(AskFor("u-1")).ok());

  const auto user = client.GetUser(AskFor("u-1"));
  EXPECT_TRUE(user.ok()) << "three losers did not open the circuit: " << user.status();
}

TEST_F(HedgingTest, IsRefusedForMethodsWithSideEffects) {
  const auto client = UserClient::Create({.target = server_->address(),
                                          .credentials = Credentials::Insecure(),
                                          .service_config_json = R"({"methodConfig": [{"name": [{"service": "user.v1.UserService",
                                              "method": "CreateUser"}], "hedgingPolicy": {"maxAttempts": 2}}]})"});

  EXPECT_EQ(client.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(client.status().message()), ::testing::HasSubstr("CreateUser"));
}

// Guesses are for clients that have room for them: what makes the calls of a full one slow may be that there are too many.
TEST_F(HedgingTest, SendsNoHedgeWhenItsCompartmentIsNearlyFull) {
  // Those who fill it stay, whenever the hedge is due.
  server_->ScriptRepeatedly("ListUsers", {Hang()});
  server_->Script("GetUser", {Delay(500ms)});
  const UserClient client = ConnectTo(server_->address(), HedgingConfig({}, R"(, "userclient": {"bulkheads": [{"name": "reads",
      "methods": [{"service": "user.v1.UserService"}], "maxConcurrentCalls": 5}]})"));
  std::vector<PendingCall<user::v1::ListUsersResponse>> others;
  others.reserve(4);
  for (int i = 0; i < 4; ++i) others.push_back(client.ListUsersAsync({}, {.timeout = 100s}));
  ASSERT_TRUE(server_->AwaitAttempts("ListUsers", 4));

  EXPECT_TRUE(client.GetUser(AskFor("u-1")).ok());

  EXPECT_EQ(server_->attempts("GetUser"), 1);
  for (const auto& other : others) other.Cancel();
}

TEST_F(HedgingTest, IfAllThatAreSentAtOnceAreRefusedSoIsTheCall) {
  const UserClient client = ConnectTo(server_->address(), HedgingConfig({.delay = "0s"}, R"(, "userclient": {"bulkheads":
      [{"name": "reads", "methods": [{"service": "user.v1.UserService"}], "circuitBreaker": {}}]})"));
  ASSERT_EQ(client.OverrideCircuit("reads", CircuitOverride::kOpen), absl::OkStatus());

  const auto refused = client.GetUser(AskFor("u-1"), {.report = &report_});

  EXPECT_EQ(RejectionOf(refused.status()), Rejection::kCircuitOpen);
  EXPECT_TRUE(report_.attempts.empty());
  ASSERT_EQ(client.OverrideCircuit("reads", CircuitOverride::kNone), absl::OkStatus());
  EXPECT_TRUE(client.GetUser(AskFor("u-1")).ok());
}

TEST_F(HedgingTest, HedgesThatAreRefusedLeaveNothingBehind) {
  constexpr int kCalls = 10;
  server_->ScriptRepeatedly("GetUser", {Hang()});
  const UserClient client = ConnectTo(server_->address(), HedgingConfig({.delay = "0.001s"}, R"(, "userclient": {"bulkheads":
      [{"name": "reads", "methods": [{"service": "user.v1.UserService"}], "maxConcurrentCalls": 10}]})"));
  std::vector<PendingCall<user::v1::GetUserResponse>> calls;
  calls.reserve(kCalls);
  for (int i = 0; i < kCalls; ++i) calls.push_back(client.GetUserAsync(AskFor("u-1"), {.timeout = 100s}));
  // The last of the hedges for which there was room.
  ASSERT_TRUE(server_->AwaitAttempts("GetUser", kCalls));
  std::this_thread::sleep_for(100ms);
  const size_t before = mallinfo2().uordblks;

  std::this_thread::sleep_for(2s);

  // 2,000 were due for each call, and each attempt takes nearly a kilobyte.
  EXPECT_LT(mallinfo2().uordblks, before + 2'000'000);
  for (const auto& call : calls) call.Cancel();
}

TEST_F(HedgingTest, ACompartmentWithRoomHedges) {
  server_->Script("GetUser", {Hang(), Ok()});
  const UserClient client =
      ConnectTo(server_->address(), HedgingConfig({.max_attempts = 2}, R"(, "userclient": {"bulkheads": [{"name": "reads",
      "methods": [{"service": "user.v1.UserService", "method": "GetUser"}], "maxConcurrentCalls": 5}]})"));

  EXPECT_TRUE(client.GetUser(AskFor("u-1")).ok());

  EXPECT_EQ(server_->attempts("GetUser"), 2);
}

TEST_F(HedgingTest, TheDelayMayFollowTheLatenciesOfLate) {
  const UserClient client = ConnectTo(
      server_->address(), HedgingConfig({.max_attempts = 2, .delay = "20s"}, R"(, "userclient": {"methods": [{"name": [{"service":
      "user.v1.UserService", "method": "GetUser"}], "hedgingDelayPercentile": 0.9}]})"));
  // The percentile is worked out once a second, from fifty calls or more. With just fifty none of these is hedged: a late hedge
  // would take a step of the script.
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(client.GetUser(AskFor("u-1")).ok());
  std::this_thread::sleep_for(1001ms);
  server_->Script("GetUser", {Hang(), Ok()});

  const auto user = client.GetUser(AskFor("u-1"), {.report = &report_});

  ASSERT_TRUE(user.ok()) << user.status();
  ASSERT_EQ(report_.attempts.size(), 2u);
  EXPECT_LT(report_.attempts[1].started, 10s) << "not after the 20 s that are only its upper bound";
}

}  // namespace
}  // namespace userclient::testing
