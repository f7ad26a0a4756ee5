// The retry scenarios of gRPC's own suites (grpc/grpc test/core/end2end/tests/retry_*, grpc-go test/retry_test.go) that concern
// unary calls, by their names. Real servers; what counts is what the server saw.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <stop_token>
#include <string>
#include <vector>

#include "tests/support/scripted_service.h"
#include "tests/support/test_client.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using user::v1::GetUserResponse;
using namespace std::chrono_literals;

class RetryScenarioTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 3});
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));
  }

  absl::StatusOr<GetUserResponse> GetUser(const std::string& config, const CallOptions& options = {}) {
    return ConnectTo(server_->address(), config).GetUser(AskFor("u-1"), options);
  }

  std::optional<FlakyUserServer> server_;
};

TEST_F(RetryScenarioTest, Retry) {
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable), Fail(StatusCode::kUnavailable), Ok()});

  const auto user = GetUser(RetryConfig());

  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(user->user_id(), "u-1");
  const auto attempts = server_->ReceivedAttempts("GetUser");
  ASSERT_EQ(attempts.size(), 3u);
  EXPECT_EQ(attempts[0].metadata.count("grpc-previous-rpc-attempts"), 0u);
  EXPECT_EQ(attempts[1].previous_attempts, 1);
  EXPECT_EQ(attempts[2].previous_attempts, 2);
  EXPECT_EQ(attempts[0].request, attempts[2].request);
}

TEST_F(RetryScenarioTest, TooManyAttempts) {
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kUnavailable, "try 1"), Fail(StatusCode::kUnavailable, "try 2"),
                                        Fail(StatusCode::kUnavailable, "try 3")});

  const auto user = GetUser(RetryConfig({.max_attempts = 3}));

  EXPECT_EQ(user.status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(user.status().message(), "try 3");
  EXPECT_EQ(ReportOf(user.status())->end, CallEnd::kAttemptsExhausted);
  EXPECT_EQ(server_->attempts("GetUser"), 3);
}

TEST_F(RetryScenarioTest, MoreAttemptsThanGrpcItselfWouldMake) {
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable).Times(9)});

  const auto user = GetUser(RetryConfig({.max_attempts = 10}));

  EXPECT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(server_->attempts("GetUser"), 10);
}

TEST_F(RetryScenarioTest, NonRetriableStatus) {
  server_->Script("GetUser", {Fail(StatusCode::kInvalidArgument, "no")});

  const auto user = GetUser(RetryConfig());

  EXPECT_EQ(user.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(ReportOf(user.status())->end, CallEnd::kNotRetryable);
  EXPECT_EQ(server_->attempts("GetUser"), 1);
}

TEST_F(RetryScenarioTest, NonRetriableStatusAfterARetry) {
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable), Fail(StatusCode::kPermissionDenied)});

  const auto user = GetUser(RetryConfig());

  EXPECT_EQ(user.status().code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(server_->attempts("GetUser"), 2);
}

TEST_F(RetryScenarioTest, Disabled) {
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable)});

  const auto user = GetUser(NoRetryConfig());

  EXPECT_EQ(ReportOf(user.status())->end, CallEnd::kNoRetryPolicy);
  EXPECT_EQ(server_->attempts("GetUser"), 1);
}

TEST_F(RetryScenarioTest, UnimplementedIsNotRetried) {
  server_->Script("GetUser", {Fail(StatusCode::kUnimplemented)});

  const auto user = GetUser(RetryConfig());

  EXPECT_EQ(user.status().code(), StatusCode::kUnimplemented);
  EXPECT_EQ(server_->attempts("GetUser"), 1);
}

TEST_F(RetryScenarioTest, CancelAfterFirstAttemptStarts) {
  server_->Script("GetUser", {Hang()});
  std::stop_source stop;

  auto call = std::async(std::launch::async, [&] { return GetUser(RetryConfig(), {.stop = stop.get_token()}); });
  ASSERT_TRUE(server_->AwaitAttempts("GetUser", 1));
  stop.request_stop();
  const auto user = call.get();

  EXPECT_EQ(user.status().code(), StatusCode::kCancelled);
  EXPECT_EQ(ReportOf(user.status())->end, CallEnd::kCancelled);
  EXPECT_EQ(server_->attempts("GetUser"), 1);
}

TEST_F(RetryScenarioTest, CancelDuringDelay) {
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kUnavailable)});
  std::stop_source stop;
  const std::string patient = RetryConfig({.initial_backoff = "1000s", .max_backoff = "1000s"}, "", "3000s");

  auto call = std::async(std::launch::async, [&] { return GetUser(patient, {.stop = stop.get_token()}); });
  ASSERT_TRUE(server_->AwaitAttempts("GetUser", 1));
  stop.request_stop();
  const auto user = call.get();

  EXPECT_EQ(user.status().code(), StatusCode::kCancelled);
  EXPECT_EQ(server_->attempts("GetUser"), 1);
}

TEST_F(RetryScenarioTest, CancelBeforeTheFirstAttempt) {
  std::stop_source stop;
  stop.request_stop();

  const auto user = GetUser(RetryConfig(), {.stop = stop.get_token()});

  EXPECT_EQ(user.status().code(), StatusCode::kCancelled);
  EXPECT_EQ(server_->attempts("GetUser"), 0);
}

TEST_F(RetryScenarioTest, ACancellationThatNobodyAskedForIsRetriedLikeUnavailable) {
  server_->Script("GetUser", {Fail(StatusCode::kCancelled), Ok()});

  const auto user = GetUser(RetryConfig());

  EXPECT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(server_->attempts("GetUser"), 2);
}

TEST_F(RetryScenarioTest, PerAttemptRecvTimeout) {
  server_->Script("GetUser", {Hang(), Ok()});

  const auto user =
      GetUser(RetryConfig({.codes = R"("UNAVAILABLE", "DEADLINE_EXCEEDED")", .more = R"(, "perAttemptRecvTimeout": "3s")"}));

  EXPECT_TRUE(user.ok()) << user.status();
  const auto attempts = server_->ReceivedAttempts("GetUser");
  ASSERT_EQ(attempts.size(), 2u);
  ASSERT_TRUE(attempts[0].time_left.has_value());
  EXPECT_LE(*attempts[0].time_left, 3100ms) << "the attempt's own deadline travels, not the call's";
}

TEST_F(RetryScenarioTest, PerAttemptRecvTimeoutOnLastAttempt) {
  server_->ScriptRepeatedly("GetUser", {Hang()});

  const auto user = GetUser(RetryConfig(
      {.max_attempts = 2, .codes = R"("UNAVAILABLE", "DEADLINE_EXCEEDED")", .more = R"(, "perAttemptRecvTimeout": "0.5s")"}));

  EXPECT_EQ(user.status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(ReportOf(user.status())->end, CallEnd::kAttemptsExhausted);
  // The server may be too late to see one of them.
  EXPECT_EQ(ReportOf(user.status())->attempts.size(), 2u);
  EXPECT_LE(server_->attempts("GetUser"), 2);
}

TEST_F(RetryScenarioTest, PerAttemptRecvTimeoutIsRetriedOnlyIfListed) {
  server_->Script("GetUser", {Hang()});

  const auto user = GetUser(RetryConfig({.more = R"(, "perAttemptRecvTimeout": "0.05s")"}));

  EXPECT_EQ(user.status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(ReportOf(user.status())->end, CallEnd::kNotRetryable);
  EXPECT_EQ(ReportOf(user.status())->attempts.size(), 1u);
  EXPECT_LE(server_->attempts("GetUser"), 1);
}

TEST_F(RetryScenarioTest, TheCallsDeadlineEndsTheLastAttempt) {
  server_->ScriptRepeatedly("GetUser", {Hang()});

  const auto user = GetUser(RetryConfig({.codes = R"("DEADLINE_EXCEEDED")", .more = R"(, "perAttemptRecvTimeout": "0.2s")"}),
                            {.timeout = 300ms});

  EXPECT_EQ(user.status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(ReportOf(user.status())->end, CallEnd::kDeadline);
}

TEST_F(RetryScenarioTest, RecvMessage) {
  server_->Script("GetUser", {Ok()});

  const auto user = GetUser(RetryConfig());

  EXPECT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(server_->attempts("GetUser"), 1);
}

TEST_F(RetryScenarioTest, SendInitialMetadata) {
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable), Ok()});

  const auto user = GetUser(RetryConfig(), {.metadata = {{"x-tenant", "blue"}, {"x-raw-bin", std::string("\0\xff", 2)}}});

  ASSERT_TRUE(user.ok()) << user.status();
  for (const ReceivedAttempt& attempt : server_->ReceivedAttempts("GetUser")) {
    EXPECT_THAT(attempt.metadata, ::testing::Contains(::testing::Pair("x-tenant", "blue")));
    EXPECT_THAT(attempt.metadata, ::testing::Contains(::testing::Pair("x-raw-bin", std::string("\0\xff", 2))));
  }
}

TEST_F(RetryScenarioTest, ServerPushbackDelay) {
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable).WithPushback(150ms), Ok()});

  const auto user = GetUser(RetryConfig({.initial_backoff = "1000s", .max_backoff = "1000s"}, "", "3000s"));

  ASSERT_TRUE(user.ok()) << user.status();
  const auto attempts = server_->ReceivedAttempts("GetUser");
  ASSERT_EQ(attempts.size(), 2u);
  EXPECT_GE(attempts[1].arrived - attempts[0].arrived, 150ms);
}

TEST_F(RetryScenarioTest, ServerPushbackDisabled) {
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable).WithPushbackStop()});

  const auto user = GetUser(RetryConfig());

  EXPECT_EQ(ReportOf(user.status())->end, CallEnd::kPushedBack);
  EXPECT_EQ(server_->attempts("GetUser"), 1);
}

TEST_F(RetryScenarioTest, PushbackLongerThanTheTimeLeftReturnsTheServersStatusAtOnce) {
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable, "later").WithPushback(std::chrono::hours(1))});

  const auto user = GetUser(RetryConfig());

  EXPECT_EQ(user.status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(user.status().message(), "later");
  EXPECT_EQ(ReportOf(user.status())->end, CallEnd::kDeadline);
  EXPECT_EQ(server_->attempts("GetUser"), 1);
}

TEST_F(RetryScenarioTest, BackoffLongerThanTheTimeLeftReturnsTheServersStatusAtOnce) {
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable, "sick")});

  const auto user = GetUser(RetryConfig({.initial_backoff = "1000s", .max_backoff = "1000s"}));

  EXPECT_EQ(user.status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(user.status().message(), "sick");
  EXPECT_EQ(ReportOf(user.status())->end, CallEnd::kDeadline);
}

TEST_F(RetryScenarioTest, Throttled) {
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kUnavailable)});
  const UserClient client = ConnectTo(
      server_->address(), RetryConfig({.max_attempts = 10}, R"(, "retryThrottling": {"maxTokens": 4, "tokenRatio": 1})"));

  const auto first = client.GetUser(AskFor("u-1"));
  const auto second = client.GetUser(AskFor("u-1"));

  EXPECT_EQ(ReportOf(first.status())->end, CallEnd::kThrottled);
  EXPECT_EQ(ReportOf(first.status())->attempts.size(), 2u);
  EXPECT_EQ(ReportOf(second.status())->attempts.size(), 1u);
}

TEST_F(RetryScenarioTest, ThrottlingEndsWithSuccesses) {
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable).Times(2), Ok().Times(2), Fail(StatusCode::kUnavailable), Ok()});
  const UserClient client = ConnectTo(
      server_->address(), RetryConfig({.max_attempts = 10}, R"(, "retryThrottling": {"maxTokens": 4, "tokenRatio": 1})"));
  EXPECT_FALSE(client.GetUser(AskFor("u-1")).ok());
  EXPECT_TRUE(client.GetUser(AskFor("u-1")).ok());
  EXPECT_TRUE(client.GetUser(AskFor("u-1")).ok());

  const auto user = client.GetUser(AskFor("u-1"));

  EXPECT_TRUE(user.ok()) << "4 tokens again: " << user.status();
}

TEST_F(RetryScenarioTest, AllMethodsOfAClientShareTheThrottle) {
  server_->ScriptRepeatedly("*", {Fail(StatusCode::kUnavailable)});
  const UserClient client = ConnectTo(
      server_->address(), RetryConfig({.max_attempts = 10}, R"(, "retryThrottling": {"maxTokens": 4, "tokenRatio": 1})"));

  EXPECT_FALSE(client.GetUser(AskFor("u-1")).ok());
  const auto users = client.ListUsers({});

  EXPECT_EQ(ReportOf(users.status())->attempts.size(), 1u);
}

TEST_F(RetryScenarioTest, AServerThatComesBackIsFoundByTheNextAttempt) {
  const UserClient client =
      ConnectTo(server_->address(), RetryConfig({.max_attempts = 10, .initial_backoff = "0.2s", .max_backoff = "1s"}));
  ASSERT_TRUE(client.GetUser(AskFor("u-1")).ok());

  ASSERT_TRUE(server_->Restart().ok());
  const auto user = client.GetUser(AskFor("u-1"));

  EXPECT_TRUE(user.ok()) << user.status();
}

TEST_F(RetryScenarioTest, CreateUserKeepsItsKeyOverAllAttempts) {
  server_->Script("CreateUser", {Fail(StatusCode::kUnavailable), Fail(StatusCode::kUnavailable), Ok()});
  const UserClient client = ConnectTo(server_->address());
  user::v1::CreateUserRequest request;
  request.set_email("ada@example.com");

  const auto created = client.CreateUser(request);
  const auto another = client.CreateUser([] {
    user::v1::CreateUserRequest other;
    other.set_email("grace@example.com");
    return other;
  }());

  ASSERT_TRUE(created.ok()) << created.status();
  ASSERT_TRUE(another.ok()) << another.status();
  std::vector<std::string> keys;
  for (const ReceivedAttempt& attempt : server_->ReceivedAttempts("CreateUser")) {
    user::v1::CreateUserRequest sent;
    ASSERT_TRUE(sent.ParseFromString(attempt.request));
    keys.push_back(sent.idempotency_key());
  }
  ASSERT_EQ(keys.size(), 4u);
  EXPECT_EQ(keys[0].size(), 36u) << keys[0];
  EXPECT_EQ(keys[1], keys[0]);
  EXPECT_EQ(keys[2], keys[0]);
  EXPECT_NE(keys[3], keys[0]) << "another create is another key";
}

TEST_F(RetryScenarioTest, CreateUserKeepsTheCallersKey) {
  const UserClient client = ConnectTo(server_->address());
  user::v1::CreateUserRequest request;
  request.set_email("ada@example.com");
  request.set_idempotency_key("order-17");

  const auto first = client.CreateUser(request);
  const auto again = client.CreateUser(request);

  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(first->user().user_id(), again->user().user_id());
}

// What only a server of one's own makes can send.

grpc::Status Unavailable() { return {grpc::StatusCode::UNAVAILABLE, "sick"}; }

TEST(OddServerTest, RecvInitialMetadataCommits) {
  ScriptedService server([](grpc::ServerContext& context, const auto&, auto&) {
    context.AddInitialMetadata("x-shard", "7");
    return Unavailable();
  });

  const auto user = ConnectTo(server.address()).GetUser(AskFor("u-1"));

  EXPECT_EQ(user.status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(ReportOf(user.status())->end, CallEnd::kCommitted);
  EXPECT_EQ(server.attempts(), 1);
}

class UnreadablePushbackScenarioTest : public ::testing::TestWithParam<std::vector<std::string>> {};

TEST_P(UnreadablePushbackScenarioTest, IsNotRetried) {
  ScriptedService server([](grpc::ServerContext& context, const auto&, auto&) {
    for (const std::string& value : GetParam()) context.AddTrailingMetadata("grpc-retry-pushback-ms", value);
    return Unavailable();
  });

  const auto user = ConnectTo(server.address()).GetUser(AskFor("u-1"));

  EXPECT_EQ(ReportOf(user.status())->end, CallEnd::kPushedBack);
  EXPECT_EQ(server.attempts(), 1);
}

using Values = std::vector<std::string>;
INSTANTIATE_TEST_SUITE_P(Pushbacks, UnreadablePushbackScenarioTest,
                         ::testing::Values(Values{"-1"}, Values{"xxx"}, Values{"1.5"}, Values{"99999999999999999999"},
                                           Values{""}));

}  // namespace
}  // namespace userclient::testing
