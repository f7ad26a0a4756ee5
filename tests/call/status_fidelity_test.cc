// What the server said is what the caller gets: code, message, details, metadata.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/test_client.h"
#include "userclient/error_details.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;

class StatusFidelityTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 1, .name = "pod-7"});
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));
    client_.emplace(ConnectTo(server_->address(), NoRetryConfig()));
  }

  std::optional<FlakyUserServer> server_;
  std::optional<UserClient> client_;
};

class EveryCodeTest : public StatusFidelityTest, public ::testing::WithParamInterface<int> {};

TEST_P(EveryCodeTest, ComesThroughWithItsMessage) {
  const auto code = static_cast<StatusCode>(GetParam());
  server_->Script("GetUser", {Fail(code, "the server's own words")});

  const auto user = client_->GetUser(AskFor("u-1"));

  EXPECT_EQ(user.status().code(), code);
  EXPECT_EQ(user.status().message(), "the server's own words");
  EXPECT_EQ(RejectionOf(user.status()), std::nullopt);
  EXPECT_EQ(server_->attempts("GetUser"), 1);
}

INSTANTIATE_TEST_SUITE_P(Codes, EveryCodeTest, ::testing::Range(1, 17));

TEST_F(StatusFidelityTest, KeepsASpecialMessage) {
  const std::string special = "\t\ntest with whitespace\r\nand Unicode BMP \xE2\x98\xBA and non-BMP \xF0\x9F\x98\x88\t\n";
  server_->Script("GetUser", {Fail(StatusCode::kUnknown, special)});

  const auto user = client_->GetUser(AskFor("u-1"));

  EXPECT_EQ(user.status().message(), special);
}

TEST_F(StatusFidelityTest, KeepsAnEmptyMessage) {
  server_->Script("GetUser", {Fail(StatusCode::kAborted, "")});

  const auto user = client_->GetUser(AskFor("u-1"));

  EXPECT_EQ(user.status().code(), StatusCode::kAborted);
  EXPECT_EQ(user.status().message(), "");
}

TEST_F(StatusFidelityTest, BringsTheFieldViolations) {
  const auto user = client_->GetUser(AskFor(""));

  EXPECT_EQ(user.status().code(), StatusCode::kInvalidArgument);
  const ErrorDetails details = ErrorDetailsOf(user.status());
  ASSERT_EQ(details.field_violations.size(), 1u);
  EXPECT_EQ(details.field_violations[0].field, "user_id");
  EXPECT_FALSE(details.raw.empty());
}

TEST_F(StatusFidelityTest, FillsTheResponseMetadataOfASuccess) {
  ResponseMetadata metadata;

  const auto user = client_->GetUser(AskFor("u-1"), {.response_metadata = &metadata});

  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_THAT(metadata.trailing, ::testing::Contains(::testing::Pair("x-served-by", "pod-7")));
}

TEST_F(StatusFidelityTest, FillsTheResponseMetadataOfAFailure) {
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable).WithTrailer("x-zone", "b")});
  ResponseMetadata metadata;

  const auto user = client_->GetUser(AskFor("u-1"), {.response_metadata = &metadata});

  EXPECT_FALSE(user.ok());
  EXPECT_THAT(metadata.trailing, ::testing::Contains(::testing::Pair("x-zone", "b")));
}

TEST_F(StatusFidelityTest, TakesBytesThatAreNoMessageForAnErrorOfTheServers) {
  server_->Script("GetUser", {Garbage()});

  const auto user = client_->GetUser(AskFor("u-1"));

  EXPECT_EQ(user.status().code(), StatusCode::kInternal);
  EXPECT_THAT(std::string(user.status().message()), ::testing::HasSubstr("not the response message"));
}

TEST_F(StatusFidelityTest, TakesThemForAnErrorInTheAsyncFaceToo) {
  server_->Script("GetUser", {Garbage()});

  const auto user = client_->GetUserAsync(AskFor("u-1")).Get();

  EXPECT_EQ(user.status().code(), StatusCode::kInternal);
  EXPECT_THAT(std::string(user.status().message()), ::testing::HasSubstr("not the response message"));
}

TEST_F(StatusFidelityTest, TakesThemForAnErrorOfAHedgedCallToo) {
  server_->Script("GetUser", {Garbage()});
  const UserClient hedged = ConnectTo(server_->address(), R"({"methodConfig": [{"name": [{"service": "user.v1.UserService",
      "method": "GetUser"}], "timeout": "30s", "hedgingPolicy": {"maxAttempts": 2, "hedgingDelay": "10s"}}]})");

  EXPECT_EQ(hedged.GetUser(AskFor("u-1")).status().code(), StatusCode::kInternal);
}

TEST_F(StatusFidelityTest, TellsAHandlerThatThrew) {
  server_->Script("GetUser", {Throw()});

  EXPECT_EQ(client_->GetUser(AskFor("u-1")).status().code(), StatusCode::kInternal);
}

TEST_F(StatusFidelityTest, ReadsTheHealthOfAServer) {
  EXPECT_EQ(*client_->CheckHealth(""), ServingStatus::kServing);
  EXPECT_EQ(*client_->CheckHealth("user.v1.UserService"), ServingStatus::kServing);
  EXPECT_EQ(*client_->CheckHealth("nobody.v1.Knows"), ServingStatus::kUnknown);
}

}  // namespace
}  // namespace userclient::testing
