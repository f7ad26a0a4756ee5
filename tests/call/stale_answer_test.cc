// staleIfError: the last good answer to the same request stands in for one that cannot be had.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/test_client.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;
using user::v1::GetUserResponse;
using namespace std::chrono_literals;

using Answer = absl::StatusOr<GetUserResponse>;

std::string StaleConfig(const std::string& max_age = "300s", const std::string& more = {}) {
  return absl::StrCat(R"({"methodConfig": [{"name": [{"service": "user.v1.UserService"}], "timeout": "30s"}],
      "userclient": {"methods": [{"name": [{"service": "user.v1.UserService", "method": "GetUser"}],
                                  "staleIfError": {"maxAge": ")",
                      max_age, R"("})", more, "}]}}");
}

enum class Face { kBlocking, kAsync, kShared };

class StaleAnswerTest : public ::testing::TestWithParam<Face> {
 protected:
  void SetUp() override {
    absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 2});
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));
    Connect();
  }

  void Connect(const std::string& max_age = "300s") {
    client_.emplace(
        ConnectTo(server_->address(), StaleConfig(max_age, GetParam() == Face::kShared ? R"(, "singleFlight": true)" : "")));
  }

  Answer GetUser(const CallOptions& options = {}, const std::string& id = "u-1") {
    if (GetParam() == Face::kBlocking) return client_->GetUser(AskFor(id), options);
    return client_->GetUserAsync(AskFor(id), options).Get();
  }

  void BreakTheServer(StatusCode code = StatusCode::kUnavailable) { server_->ScriptRepeatedly("*", {Fail(code)}); }

  std::optional<FlakyUserServer> server_;
  std::optional<UserClient> client_;
};

TEST_P(StaleAnswerTest, GivesTheLastGoodAnswerWithItsAge) {
  ASSERT_TRUE(GetUser().ok());
  const auto answered = std::chrono::steady_clock::now();
  BreakTheServer();
  CallReport report;

  const Answer user = GetUser({.report = &report});

  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(user->user_id(), "u-1");
  EXPECT_EQ(report.source, AnswerSource::kStale);
  EXPECT_GT(report.age, 0ns);
  EXPECT_LT(report.age, std::chrono::steady_clock::now() - answered + 10s);
  EXPECT_EQ(report.code, StatusCode::kUnavailable) << "observers still see the failure";
  EXPECT_EQ(report.end, CallEnd::kNoRetryPolicy);
  EXPECT_EQ(report.attempts.size(), 1u);
  EXPECT_THAT(Explain(report), HasSubstr(" ago (staleIfError)"));
}

TEST_P(StaleAnswerTest, AsksTheServerFirst) {
  ASSERT_TRUE(GetUser().ok());
  CallReport report;

  ASSERT_TRUE(GetUser({.report = &report}).ok());

  EXPECT_EQ(report.source, AnswerSource::kServer);
  EXPECT_EQ(server_->attempts("GetUser"), 2);
}

TEST_P(StaleAnswerTest, IsForTheSameRequestOnly) {
  ASSERT_TRUE(GetUser({}, "u-1").ok());
  BreakTheServer();

  EXPECT_EQ(GetUser({}, "u-2").status().code(), StatusCode::kUnavailable);
}

TEST_P(StaleAnswerTest, IsForTheSameCallerOnly) {
  ASSERT_TRUE(GetUser({.metadata = {{"authorization", "Bearer ada"}}}).ok());
  BreakTheServer();

  EXPECT_EQ(GetUser({.metadata = {{"authorization", "Bearer eve"}}}).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(GetUser().status().code(), StatusCode::kUnavailable);
  EXPECT_TRUE(GetUser({.metadata = {{"authorization", "Bearer ada"}}}).ok());
}

TEST_P(StaleAnswerTest, MetadataCannotBeMistakenForAnother) {
  ASSERT_TRUE(GetUser({.metadata = {{"a", "b"}, {"c", "d"}}}).ok());
  BreakTheServer();

  EXPECT_TRUE(GetUser({.metadata = {{"c", "d"}, {"a", "b"}}}).ok()) << "the order of keys does not matter";
  EXPECT_FALSE(GetUser({.metadata = {{"a", "bc"}, {"c", "d"}}}).ok());
  EXPECT_FALSE(GetUser({.metadata = {{"a", "d"}, {"c", "b"}}}).ok());
  EXPECT_FALSE(GetUser({.metadata = {{"a", "b"}}}).ok());
}

TEST_P(StaleAnswerTest, TheOrderOfTheValuesOfOneKeyMatters) {
  ASSERT_TRUE(GetUser({.metadata = {{"a", "1"}, {"a", "2"}}}).ok());
  BreakTheServer();

  EXPECT_FALSE(GetUser({.metadata = {{"a", "2"}, {"a", "1"}}}).ok());
}

TEST_P(StaleAnswerTest, TheTraceOfACallIsNoPartOfWhatItAsks) {
  ASSERT_TRUE(GetUser({.metadata = {{"traceparent", "00-11111111111111111111111111111111-1111111111111111-01"}}}).ok());
  BreakTheServer();

  EXPECT_TRUE(GetUser({.metadata = {{"traceparent", "00-22222222222222222222222222222222-2222222222222222-01"}}}).ok());
}

TEST_P(StaleAnswerTest, IsNeverOlderThanItMayBe) {
  Connect("0.000000001s");
  ASSERT_TRUE(GetUser().ok());
  BreakTheServer();

  EXPECT_EQ(GetUser().status().code(), StatusCode::kUnavailable);
}

TEST_P(StaleAnswerTest, DoesNotHideWhatAServiceThatWorksSays) {
  ASSERT_TRUE(GetUser().ok());
  BreakTheServer(StatusCode::kNotFound);

  EXPECT_EQ(GetUser().status().code(), StatusCode::kNotFound);
}

TEST_P(StaleAnswerTest, IsNotForACallerWhoCancelled) {
  ASSERT_TRUE(GetUser().ok());
  std::stop_source stop;
  stop.request_stop();

  EXPECT_EQ(GetUser({.stop = stop.get_token()}).status().code(), StatusCode::kCancelled);
}

TEST_P(StaleAnswerTest, StandsInForACallThatIsTooLate) {
  ASSERT_TRUE(GetUser().ok());
  server_->Script("GetUser", {Hang()});

  EXPECT_TRUE(GetUser({.timeout = 30ms}).ok());
}

TEST_P(StaleAnswerTest, StandsInForACallThatWasRefused) {
  ASSERT_TRUE(GetUser().ok());
  ASSERT_TRUE(client_->Shutdown(30s));

  EXPECT_TRUE(GetUser().ok());
}

TEST_P(StaleAnswerTest, GoesBeforeTheFallback) {
  BreakTheServer();
  GetUserResponse nobody;
  nobody.set_user_id("nobody");
  const CallOptions options = {.fallback = FallbackTo(nobody)};

  const Answer first = GetUser(options);
  ASSERT_EQ(server_->SetFaults("{}"), absl::OkStatus());
  const Answer good = GetUser(options);
  BreakTheServer();
  const Answer stale = GetUser(options);

  ASSERT_TRUE(first.ok() && good.ok() && stale.ok());
  EXPECT_EQ(first->user_id(), "nobody") << "and is not kept";
  EXPECT_EQ(good->user_id(), "u-1");
  EXPECT_EQ(stale->user_id(), "u-1");
}

TEST_P(StaleAnswerTest, OtherMethodsKeepNothing) {
  ASSERT_TRUE(client_->ListUsers({}).ok());
  BreakTheServer();

  EXPECT_EQ(client_->ListUsers({}).status().code(), StatusCode::kUnavailable);
}

std::string NameOf(const ::testing::TestParamInfo<Face>& face) {
  switch (face.param) {
    case Face::kBlocking:
      return "Blocking";
    case Face::kAsync:
      return "Async";
    case Face::kShared:
      return "Shared";
  }
  return "";
}

INSTANTIATE_TEST_SUITE_P(Faces, StaleAnswerTest, ::testing::Values(Face::kBlocking, Face::kAsync, Face::kShared), NameOf);

}  // namespace
}  // namespace userclient::testing
