// What the caller gets instead of a failure: fallbacks of the call and of the method.

#include "userclient/fallback.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "tests/support/test_client.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;
using user::v1::GetUserResponse;
using user::v1::ListUsersResponse;
using namespace std::chrono_literals;

using Answer = absl::StatusOr<GetUserResponse>;

GetUserResponse Named(const std::string& name) {
  GetUserResponse user;
  user.set_display_name(name);
  return user;
}

enum class Face { kBlocking, kAsync };

class FallbackTest : public ::testing::TestWithParam<Face> {
 protected:
  void SetUp() override {
    absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 1});
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));
    Connect({});
  }

  void Connect(std::map<std::string, Fallback> fallbacks, const std::string& config = NoRetryConfig()) {
    auto client = UserClient::Create({.target = server_->address(),
                                      .credentials = Credentials::Insecure(),
                                      .service_config_json = config,
                                      .fallbacks = std::move(fallbacks)});
    ASSERT_TRUE(client.ok()) << client.status();
    client_.emplace(*std::move(client));
  }

  Answer GetUser(const CallOptions& options = {}) {
    if (GetParam() == Face::kBlocking) return client_->GetUser(AskFor("u-1"), options);
    return client_->GetUserAsync(AskFor("u-1"), options).Get();
  }

  std::optional<FlakyUserServer> server_;
  std::optional<UserClient> client_;
};

TEST_P(FallbackTest, AnswersWhenTheServiceIsDown) {
  for (const StatusCode code : {StatusCode::kUnavailable, StatusCode::kDeadlineExceeded, StatusCode::kResourceExhausted,
                                StatusCode::kInternal, StatusCode::kUnknown, StatusCode::kDataLoss}) {
    server_->Script("GetUser", {Fail(code)});

    const Answer user = GetUser({.fallback = FallbackTo(Named("nobody"))});

    ASSERT_TRUE(user.ok()) << user.status();
    EXPECT_EQ(user->display_name(), "nobody") << code;
  }
}

TEST_P(FallbackTest, DoesNotAnswerForAServiceThatWorks) {
  for (const StatusCode code :
       {StatusCode::kNotFound, StatusCode::kInvalidArgument, StatusCode::kPermissionDenied, StatusCode::kUnauthenticated,
        StatusCode::kAlreadyExists, StatusCode::kFailedPrecondition, StatusCode::kUnimplemented, StatusCode::kAborted}) {
    server_->Script("GetUser", {Fail(code)});

    EXPECT_EQ(GetUser({.fallback = FallbackTo(Named("nobody"))}).status().code(), code);
  }
}

TEST_P(FallbackTest, IsNotAskedWhenTheCallSucceeds) {
  const Answer user = GetUser({.fallback = [](const absl::Status&, google::protobuf::MessageLite&) {
    ADD_FAILURE() << "asked";
    return true;
  }});

  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(user->user_id(), "u-1");
}

TEST_P(FallbackTest, IsNotAskedWhenTheCallerCancelled) {
  std::stop_source stop;
  stop.request_stop();

  const Answer user = GetUser({.stop = stop.get_token(), .fallback = FallbackTo(Named("nobody"))});

  EXPECT_EQ(user.status().code(), StatusCode::kCancelled);
}

TEST_P(FallbackTest, AnswersWhenTheDeadlineHasPassed) {
  server_->Script("GetUser", {Hang()});

  const Answer user = GetUser({.timeout = 30ms, .fallback = FallbackTo(Named("nobody"))});

  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(user->display_name(), "nobody");
}

TEST_P(FallbackTest, AnswersForACallThatWasRefused) {
  EXPECT_TRUE(client_->Shutdown(30s));

  const Answer user = GetUser({.fallback = FallbackTo(Named("nobody"))});

  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(server_->attempts("GetUser"), 0);
}

TEST_P(FallbackTest, SeesTheFailureAndAnEmptyAnswer) {
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable, "brown-out")});
  absl::Status seen;

  const Answer user = GetUser({.fallback = [&](const absl::Status& failure, google::protobuf::MessageLite& answer) {
    seen = failure;
    EXPECT_EQ(answer.ByteSizeLong(), 0u);
    static_cast<GetUserResponse&>(answer).set_display_name("made up");
    return true;
  }});

  EXPECT_EQ(seen.message(), "brown-out");
  EXPECT_TRUE(ReportOf(seen).has_value());
  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(user->display_name(), "made up");
}

TEST_P(FallbackTest, MayKeepTheFailure) {
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable, "brown-out")});
  CallReport report;

  const Answer user = GetUser({.report = &report, .fallback = [](const absl::Status&, google::protobuf::MessageLite& answer) {
                                 static_cast<GetUserResponse&>(answer).set_display_name("half done");
                                 return false;
                               }});

  EXPECT_EQ(user.status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(user.status().message(), "brown-out");
  EXPECT_EQ(report.source, AnswerSource::kServer);
}

TEST_P(FallbackTest, TheReportStillTellsTheFailure) {
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable)});
  CallReport report;

  EXPECT_TRUE(GetUser({.report = &report, .fallback = FallbackTo(Named("nobody"))}).ok());

  EXPECT_EQ(report.source, AnswerSource::kFallback);
  EXPECT_EQ(report.code, StatusCode::kUnavailable);
  EXPECT_EQ(report.end, CallEnd::kNoRetryPolicy);
  EXPECT_EQ(report.attempts.size(), 1u);
  EXPECT_THAT(Explain(report), HasSubstr("\n  answered by the fallback"));
}

TEST_P(FallbackTest, TheBreakerStillSeesTheFailure) {
  Connect({}, R"({"methodConfig": [{"name": [{"service": "user.v1.UserService"}], "timeout": "30s"}], "userclient":
      {"bulkheads": [{"name": "reads", "methods": [{"service": "user.v1.UserService"}],
                      "circuitBreaker": {"minimumCalls": 2, "openDuration": "1000s", "maxOpenDuration": "1000s"}}]}})");
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kUnavailable)});
  const CallOptions options = {.fallback = FallbackTo(Named("nobody"))};

  for (int i = 0; i < 5; ++i) EXPECT_TRUE(GetUser(options).ok());

  EXPECT_EQ(server_->attempts("GetUser"), 2) << "then the circuit is open";
  EXPECT_EQ(RejectionOf(GetUser().status()), Rejection::kCircuitOpen);
}

TEST_P(FallbackTest, OfTheMethodAnswersForItsCalls) {
  Connect({{"GetUser", FallbackTo(Named("of the method"))}});
  server_->ScriptRepeatedly("*", {Fail(StatusCode::kUnavailable)});

  const Answer user = GetUser();

  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(user->display_name(), "of the method");
  EXPECT_EQ(client_->ListUsers({}).status().code(), StatusCode::kUnavailable) << "not for those of another";
}

TEST_P(FallbackTest, OfTheCallGoesBeforeThatOfTheMethod) {
  Connect({{"GetUser", FallbackTo(Named("of the method"))}});
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kUnavailable)});

  const Answer user = GetUser({.fallback = FallbackTo(Named("of the call"))});
  const Answer kept = GetUser({.fallback = [](const absl::Status&, google::protobuf::MessageLite&) { return false; }});

  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(user->display_name(), "of the call");
  EXPECT_EQ(kept.status().code(), StatusCode::kUnavailable);
}

TEST_P(FallbackTest, OfAnotherTypeIsRefusedBeforeAnythingIsSent) {
  CallReport report;

  const Answer user = GetUser({.report = &report, .fallback = FallbackTo(ListUsersResponse())});

  EXPECT_EQ(user.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(user.status().message()), HasSubstr("gives a user.v1.ListUsersResponse"));
  EXPECT_EQ(report.end, CallEnd::kRejected);
  EXPECT_EQ(server_->attempts("GetUser"), 0);
}

TEST_P(FallbackTest, AnswersForAHedgedCallWhoseLoserIsStillUnderWay) {
  Connect({}, R"({"methodConfig": [{"name": [{"service": "user.v1.UserService", "method": "GetUser"}], "timeout": "30s",
      "hedgingPolicy": {"maxAttempts": 2, "hedgingDelay": "0.01s", "nonFatalStatusCodes": []}}]})");
  server_->Script("GetUser", {Hang(), Fail(StatusCode::kInternal)});

  const Answer user = GetUser({.fallback = FallbackTo(Named("nobody"))});

  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(user->display_name(), "nobody");
}

INSTANTIATE_TEST_SUITE_P(Faces, FallbackTest, ::testing::Values(Face::kBlocking, Face::kAsync),
                         [](const auto& face) { return face.param == Face::kBlocking ? "Blocking" : "Async"; });

struct Unusable {
  std::string method;
  Fallback fallback;
  std::string problem;
};

class UnusableFallbackTest : public ::testing::TestWithParam<Unusable> {};

TEST_P(UnusableFallbackTest, IsRefusedWhenTheClientIsMade) {
  const auto client = UserClient::Create({.target = "127.0.0.1:50051",
                                          .credentials = Credentials::Insecure(),
                                          .service_config_json = NoRetryConfig(),
                                          .fallbacks = {{GetParam().method, GetParam().fallback}}});

  EXPECT_EQ(client.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(client.status().message()), HasSubstr("fallbacks[\"" + GetParam().method + "\"]"));
  EXPECT_THAT(std::string(client.status().message()), HasSubstr(GetParam().problem));
}

INSTANTIATE_TEST_SUITE_P(Fallbacks, UnusableFallbackTest,
                         ::testing::Values(Unusable{"GetUsr", FallbackTo(GetUserResponse()), "has no such method"},
                                           Unusable{"WatchUsers", FallbackTo(GetUserResponse()), "is a stream"},
                                           Unusable{"GetUser", {}, "is empty"},
                                           Unusable{"GetUser", FallbackTo(ListUsersResponse()), "user.v1.GetUserResponse"}));

TEST(CheckHealthTest, TakesNoFallback) {
  const auto status =
      ConnectTo("127.0.0.1:50051", NoRetryConfig()).CheckHealth("", {.fallback = FallbackTo(GetUserResponse())}).status();

  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace userclient::testing
