#include "userclient/call_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/test_client.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

class CallReportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 1});
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));
  }

  std::optional<FlakyUserServer> server_;
};

TEST_F(CallReportTest, TellsEveryAttemptOfACallThatSucceeded) {
  server_->Script("GetUser",
                  {Fail(StatusCode::kUnavailable, "brown-out"), Fail(StatusCode::kUnavailable).WithPushback(20ms), Ok()});
  CallReport report;

  const auto user = ConnectTo(server_->address()).GetUser(AskFor("u-1"), {.timeout = 20s, .report = &report});

  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(report.method, "user.v1.UserService/GetUser");
  EXPECT_EQ(report.end, CallEnd::kSucceeded);
  EXPECT_EQ(report.code, StatusCode::kOk);
  EXPECT_EQ(report.budget, 20s);
  ASSERT_EQ(report.attempts.size(), 3u);
  EXPECT_EQ(report.attempts[0].reason, AttemptReason::kFirst);
  EXPECT_EQ(report.attempts[0].status.message(), "brown-out");
  EXPECT_EQ(report.attempts[0].peer, "ipv4:" + server_->address());
  EXPECT_EQ(report.attempts[1].reason, AttemptReason::kRetry);
  EXPECT_EQ(report.attempts[2].reason, AttemptReason::kPushback);
  EXPECT_GE(report.attempts[2].waited, 20ms);
  EXPECT_GE(report.attempts[2].started, report.attempts[1].started + report.attempts[1].duration + report.attempts[2].waited);
  EXPECT_GE(report.duration, report.attempts[2].started + report.attempts[2].duration);
}

TEST_F(CallReportTest, TravelsInTheStatusOfACallThatFailed) {
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kUnavailable, "down")});
  CallReport given;

  const auto user = ConnectTo(server_->address(), RetryConfig({.max_attempts = 2})).GetUser(AskFor("u-1"), {.report = &given});
  const std::optional<CallReport> carried = ReportOf(user.status());

  ASSERT_TRUE(carried.has_value());
  EXPECT_EQ(carried->attempts.size(), 2u);
  EXPECT_EQ(carried->attempts[1].status, absl::UnavailableError("down"));
  EXPECT_EQ(carried->end, CallEnd::kAttemptsExhausted);
  EXPECT_EQ(carried->duration, given.duration);
  EXPECT_EQ(carried->compartment, given.compartment);
}

TEST_F(CallReportTest, KnowsNoPeerWhereNobodyAnswered) {
  const UserClient client = ConnectTo(server_->address(), RetryConfig({.max_attempts = 2}));
  ASSERT_TRUE(client.WaitReady(30s));
  server_->Script("GetUser", {Hang()});

  // Not by its deadline, at which a server that is as quick would answer.
  auto call = client.GetUserAsync(AskFor("u-1"), {.timeout = 100s});
  ASSERT_TRUE(server_->AwaitAttempts("GetUser", 1));
  call.Cancel();
  const std::optional<CallReport> report = ReportOf(std::move(call).Get().status());

  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->attempts[0].peer, "");
  EXPECT_THAT(Explain(*report), HasSubstr(", peer not known, "));
}

class DeadlineTooShortTest : public CallReportTest, public ::testing::WithParamInterface<std::chrono::nanoseconds> {};

TEST_P(DeadlineTooShortTest, IsRefusedAndSendsNothing) {
  const auto user = ConnectTo(server_->address()).GetUser(AskFor("u-1"), {.timeout = GetParam()});

  EXPECT_EQ(user.status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(RejectionOf(user.status()), Rejection::kDeadlineTooShort);
  EXPECT_EQ(ReportOf(user.status())->end, CallEnd::kRejected);
  EXPECT_TRUE(ReportOf(user.status())->attempts.empty());
  EXPECT_EQ(server_->attempts("GetUser"), 0);
}

INSTANTIATE_TEST_SUITE_P(Timeouts, DeadlineTooShortTest, ::testing::Values(0ns, -1s, 999us));

TEST(ReportOfTest, IsNothingForAStatusOfSomebodyElse) {
  EXPECT_EQ(ReportOf(absl::OkStatus()), std::nullopt);
  EXPECT_EQ(ReportOf(absl::UnavailableError("elsewhere")), std::nullopt);
  EXPECT_EQ(RejectionOf(absl::UnavailableError("elsewhere")), std::nullopt);
}

TEST(ExplainTest, TellsACallThatNeededARetry) {
  const CallReport report = {.method = "user.v1.UserService/GetUser",
                             .compartment = "reads",
                             .budget = 1s,
                             .duration = 62ms,
                             .attempts = {{.reason = AttemptReason::kFirst,
                                           .peer = "ipv4:127.0.0.2:50051",
                                           .started = 0ns,
                                           .duration = 1500us,
                                           .status = absl::UnavailableError("draining")},
                                          {.reason = AttemptReason::kRetry,
                                           .peer = "ipv4:127.0.0.3:50051",
                                           .waited = 58ms,
                                           .started = 60ms,
                                           .duration = 2ms,
                                           .status = absl::OkStatus()}},
                             .end = CallEnd::kSucceeded,
                             .code = StatusCode::kOk};

  EXPECT_EQ(Explain(report),
            "user.v1.UserService/GetUser: OK after 62 ms of 1.000 s, 2 attempts, compartment reads\n"
            "  1. first attempt at 0 ns, ipv4:127.0.0.2:50051, 1.5 ms: UNAVAILABLE \"draining\"\n"
            "  2. retry at 60 ms (waited 58 ms), ipv4:127.0.0.3:50051, 2 ms: OK");
}

TEST(ExplainTest, TellsNoBudgetOfAWatchThatHasNone) {
  const CallReport report = {.method = "user.v1.UserService/WatchUsers", .compartment = "streams", .duration = 2s};

  EXPECT_EQ(Explain(report), "user.v1.UserService/WatchUsers: OK after 2.000 s, 0 attempts, compartment streams");
}

TEST(ExplainTest, TellsWhyThereWasNoFurtherAttempt) {
  const CallReport report = {.method = "user.v1.UserService/GetUser",
                             .compartment = "reads",
                             .budget = 1s,
                             .duration = 1ms,
                             .attempts = {{.duration = 1ms, .status = absl::NotFoundError("no such user")}},
                             .end = CallEnd::kNotRetryable,
                             .code = StatusCode::kNotFound};

  EXPECT_THAT(Explain(report), HasSubstr("\n  no further attempt: the status is not in retryableStatusCodes"));
}

}  // namespace
}  // namespace userclient::testing
