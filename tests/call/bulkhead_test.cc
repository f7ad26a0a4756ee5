// Seats in a compartment, on the way of real calls.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/test_client.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using user::v1::GetUserResponse;
using namespace std::chrono_literals;

std::string BulkheadConfigJson(const std::string& limits, const std::string& retry = {}) {
  return absl::StrCat(R"({"methodConfig": [{"name": [{"service": "user.v1.UserService"}], "timeout": "30s")",
                      retry.empty() ? "" : ", ", retry,
                      R"(}], "userclient": {"bulkheads": [{"name": "reads", "methods": [{"service": "user.v1.UserService",
      "method": "GetUser"}], )",
                      limits, R"(}, {"name": "writes", "methods": [{"service": "user.v1.UserService", "method": "CreateUser"}],
      "maxConcurrentCalls": 1}]}})");
}

enum class Face { kBlocking, kAsync };

class BulkheadTest : public ::testing::TestWithParam<Face> {
 protected:
  void SetUp() override {
    absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 1});
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));
  }

  void Connect(const std::string& limits, const std::string& retry = {}) {
    client_.emplace(ConnectTo(server_->address(), BulkheadConfigJson(limits, retry)));
  }

  absl::Status GetUser(const CallOptions& options = {}) {
    if (GetParam() == Face::kBlocking) return client_->GetUser(AskFor("u-1"), options).status();
    return client_->GetUserAsync(AskFor("u-1"), options).Get().status();
  }

  /// Occupies a seat until it is cancelled.
  PendingCall<GetUserResponse> Occupy() {
    const int64_t before = server_->attempts("GetUser");
    PendingCall<GetUserResponse> pending = client_->GetUserAsync(AskFor("u-1"));
    EXPECT_TRUE(server_->AwaitAttempts("GetUser", before + 1));
    return pending;
  }

  std::optional<FlakyUserServer> server_;
  std::optional<UserClient> client_;
};

TEST_P(BulkheadTest, RefusesTheCallThatIsTooMany) {
  server_->Script("GetUser", {Hang()});
  Connect(R"("maxConcurrentCalls": 1)");
  const auto occupant = Occupy();

  const absl::Status refused = GetUser();

  EXPECT_EQ(refused.code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(RejectionOf(refused), Rejection::kBulkheadFull);
  EXPECT_EQ(server_->attempts("GetUser"), 1) << "a refusal sends nothing";
  occupant.Cancel();
}

TEST_P(BulkheadTest, ASeatIsFreeAgainWhenItsCallHasEnded) {
  server_->Script("GetUser", {Hang(), Ok(), Fail(StatusCode::kInternal), Ok()});
  Connect(R"("maxConcurrentCalls": 1)");
  auto occupant = Occupy();
  occupant.Cancel();
  EXPECT_FALSE(std::move(occupant).Get().ok());

  EXPECT_EQ(GetUser(), absl::OkStatus());
  EXPECT_EQ(GetUser().code(), StatusCode::kInternal);
  EXPECT_EQ(GetUser(), absl::OkStatus());
}

TEST_P(BulkheadTest, ACallMayWaitForASeat) {
  server_->Script("GetUser", {Delay(50ms), Ok()});
  Connect(R"("maxConcurrentCalls": 1, "maxWait": "20s")");
  const auto occupant = Occupy();

  EXPECT_EQ(GetUser(), absl::OkStatus());
}

TEST_P(BulkheadTest, WhatIsWaitedForASeatIsNotTheServersTime) {
  server_->Script("GetUser", {Delay(200ms), Ok()});
  Connect(R"("maxConcurrentCalls": 1, "maxWait": "20s")",
          RetryPolicyJson({.codes = R"("DEADLINE_EXCEEDED")", .more = R"(, "perAttemptRecvTimeout": "10s")"}));
  const auto occupant = Occupy();
  CallReport report;

  EXPECT_EQ(GetUser({.report = &report}), absl::OkStatus());

  ASSERT_EQ(report.attempts.size(), 1u);
  EXPECT_GT(report.attempts[0].started, 0ms);
  EXPECT_LT(report.attempts[0].duration, report.duration);
  // But for what has passed of the attempt when the server looks.
  EXPECT_GT(*server_->ReceivedAttempts("GetUser")[1].time_left + report.attempts[0].duration, 9900ms)
      << "the attempt has all of its time";
}

TEST_P(BulkheadTest, ButNotLongerThanItIsAllowed) {
  server_->Script("GetUser", {Hang()});
  Connect(R"("maxConcurrentCalls": 1, "maxWait": "0.03s")");
  const auto occupant = Occupy();

  EXPECT_EQ(RejectionOf(GetUser()), Rejection::kBulkheadFull);
  occupant.Cancel();
}

TEST_P(BulkheadTest, AndNotPastItsDeadline) {
  server_->Script("GetUser", {Hang()});
  Connect(R"("maxConcurrentCalls": 1, "maxWait": "1000s")");
  const auto occupant = Occupy();

  const absl::Status status = GetUser({.timeout = 30ms});

  EXPECT_EQ(RejectionOf(status), Rejection::kBulkheadFull);
  EXPECT_EQ(server_->attempts("GetUser"), 1);
  occupant.Cancel();
}

TEST_P(BulkheadTest, ACallWithTooLittleTimeIsToldSoAndNotThatSeatsAreTaken) {
  Connect(R"("maxConcurrentCalls": 1)");

  const absl::Status refused = GetUser({.timeout = 1ms});

  EXPECT_EQ(RejectionOf(refused), Rejection::kDeadlineTooShort);
  EXPECT_EQ(refused.code(), StatusCode::kDeadlineExceeded);
}

TEST_P(BulkheadTest, WaitingForASeatCanBeCancelled) {
  server_->Script("GetUser", {Hang()});
  Connect(R"("maxConcurrentCalls": 1, "maxWait": "1000s")");
  const auto occupant = Occupy();
  std::stop_source stop;

  auto waiting = std::async(std::launch::async, [&] { return GetUser({.stop = stop.get_token()}); });
  stop.request_stop();

  EXPECT_EQ(waiting.get().code(), StatusCode::kCancelled);
  occupant.Cancel();
}

TEST_P(BulkheadTest, ACallThatWaitsBetweenAttemptsHoldsNoSeat) {
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable).WithPushback(std::chrono::hours(1)), Ok()});
  Connect(R"("maxConcurrentCalls": 1)", RetryPolicyJson({}));
  std::stop_source stop;
  auto waiting =
      std::async(std::launch::async, [&] { return GetUser({.timeout = std::chrono::hours(2), .stop = stop.get_token()}); });
  ASSERT_TRUE(server_->AwaitAttempts("GetUser", 1));

  absl::Status other = absl::ResourceExhaustedError("not yet");
  const auto give_up = std::chrono::steady_clock::now() + 30s;
  while (RejectionOf(other) == Rejection::kBulkheadFull || absl::IsResourceExhausted(other)) {
    other = GetUser();
    if (std::chrono::steady_clock::now() > give_up) break;
  }

  EXPECT_EQ(other, absl::OkStatus());
  stop.request_stop();
  EXPECT_EQ(waiting.get().code(), StatusCode::kCancelled);
}

TEST_P(BulkheadTest, AFullCompartmentDoesNotTouchAnother) {
  server_->Script("CreateUser", {Hang()});
  Connect(R"("maxConcurrentCalls": 1)");
  user::v1::CreateUserRequest create;
  create.set_email("ada@example.com");
  const auto stuck = client_->CreateUserAsync(create);
  ASSERT_TRUE(server_->AwaitAttempts("CreateUser", 1));

  EXPECT_EQ(GetUser(), absl::OkStatus());
  EXPECT_EQ(RejectionOf(client_->CreateUser(create).status()), Rejection::kBulkheadFull);
  stuck.Cancel();
}

TEST_P(BulkheadTest, CompartmentsAndChannelsHaveConnectionsOfTheirOwn) {
  Connect(R"("channels": 2)");
  user::v1::CreateUserRequest create;
  create.set_email("ada@example.com");

  for (int i = 0; i < 4; ++i) EXPECT_EQ(GetUser(), absl::OkStatus());
  EXPECT_TRUE(client_->CreateUser(create).ok());
  EXPECT_TRUE(client_->ListUsers({}).ok());

  std::set<std::string> reads;
  std::set<std::string> all;
  for (const ReceivedAttempt& attempt : server_->requests()) {
    if (attempt.method == "GetUser") reads.insert(attempt.peer);
    all.insert(attempt.peer);
  }
  EXPECT_EQ(reads.size(), 2u) << "two channels";
  EXPECT_EQ(all.size(), 4u) << "reads, writes, and the unclaimed ListUsers share none";
}

INSTANTIATE_TEST_SUITE_P(Faces, BulkheadTest, ::testing::Values(Face::kBlocking, Face::kAsync),
                         [](const auto& face) { return face.param == Face::kBlocking ? "Blocking" : "Async"; });

}  // namespace
}  // namespace userclient::testing
