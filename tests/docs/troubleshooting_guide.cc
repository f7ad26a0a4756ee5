// The code of docs/troubleshooting.md, which shows the regions between "// [name]" and "// [end]"; and that the words which it
// looks errors up by are in those that come.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/support/test_client.h"
#include "userclient/testing/flaky_user_server.h"
#include "userclient/user_client.h"

namespace userclient::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

/// The words in the first column of the table under a heading.
std::vector<std::string> WordsUnder(const std::string& heading) {
  std::ostringstream text;
  text << std::ifstream(std::filesystem::path(USERCLIENT_SOURCE_DIR) / "docs/troubleshooting.md").rdbuf();
  const std::string page = text.str();
  const size_t begin = page.find("\n## " + heading + "\n");
  EXPECT_NE(begin, std::string::npos) << heading;
  if (begin == std::string::npos) return {};
  const std::string section = page.substr(begin, page.find("\n## ", begin + 1) - begin);
  static const std::regex kRow(R"(\n\| ([^|]*) \|)");
  static const std::regex kWords("`([^`]+)`");
  std::vector<std::string> all;
  for (std::sregex_iterator row(section.begin(), section.end(), kRow), end; row != end; ++row) {
    const std::string first = (*row)[1];
    for (std::sregex_iterator words(first.begin(), first.end(), kWords); words != end; ++words) all.push_back((*words)[1]);
  }
  return all;
}

/// That the page leads from this message to the row with these words.
void ExpectFound(const std::string& heading, const std::string& words, const absl::Status& status) {
  EXPECT_THAT(WordsUnder(heading), Contains(words));
  EXPECT_THAT(std::string(status.message()), HasSubstr(words));
}

class TroubleshootingGuideTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(server_.ok()) << server_.status(); }

  UserClient Client(const std::string& service_config = NoRetryConfig()) const {
    return ConnectTo(server_->address(), service_config);
  }

  absl::StatusOr<FlakyUserServer> server_ = FlakyUserServer::Start({.seed_users = 1});
};

absl::Status Created(const ClientOptions& options) { return UserClient::Create(options).status(); }

std::string Tell(const absl::Status& status) {
  std::ostringstream log;
  // [ask the status]
  if (const std::optional<userclient::Rejection> refused = userclient::RejectionOf(status)) {
    log << "refused, and nothing sent: " << userclient::RejectionLabel(*refused);
  } else if (const std::optional<userclient::CallReport> report = userclient::ReportOf(status)) {
    log << userclient::Explain(*report);
  }
  // [end]
  return log.str();
}

TEST_F(TroubleshootingGuideTest, ACallThatNobodyAnswersIsToldAsThePageShows) {
  const UserClient client = Client();
  ASSERT_TRUE(client.WaitReady(30s));
  server_->Script("GetUser", {Hang()});

  const std::string told = Tell(client.GetUser(AskFor("u-1"), {.timeout = 2s}).status());

  EXPECT_THAT(told, HasSubstr("\n  1. first attempt at "));
  EXPECT_THAT(told, HasSubstr(", peer not known, "));
  EXPECT_THAT(told, HasSubstr(R"(: DEADLINE_EXCEEDED "Deadline Exceeded")"));
  EXPECT_THAT(told, HasSubstr("\n  no further attempt: no time left before the deadline"));
}

TEST_F(TroubleshootingGuideTest, ClientsThatCannotBeMade) {
  const auto with_config = [&](const std::string& json) {
    return Created({.target = "localhost:1", .credentials = Credentials::Insecure(), .service_config_json = json});
  };

  ExpectFound("`Create` fails", "names no port", Created({.target = "users", .credentials = Credentials::Insecure()}));
  ExpectFound("`Create` fails", "credentials", Created({.target = "localhost:1"}));
  ExpectFound("`Create` fails", "unknown key", with_config(R"({"methodConfigs": []})"));
}

TEST_F(TroubleshootingGuideTest, CallsThatTheClientRefuses) {
  const UserClient client = Client(NoRetryConfig().insert(
      1, R"("userclient": {"bulkheads": [{"name": "reads", "methods": [{"service": "user.v1.UserService", "method": "GetUser"}],
            "maxConcurrentCalls": 1, "circuitBreaker": {}}]}, )"));
  server_->Script("GetUser", {Hang()});
  const auto get_user = [&] { return client.GetUser(AskFor("u-1"), {.timeout = 30s}).status(); };

  PendingCall<user::v1::GetUserResponse> seated = client.GetUserAsync(AskFor("u-1"));
  ExpectFound("RESOURCE_EXHAUSTED", "is full: as many calls as it may have are in flight", get_user());
  seated.Cancel();
  EXPECT_TRUE(absl::IsCancelled(std::move(seated).Get().status()));
  ASSERT_TRUE(client.OverrideCircuit("reads", CircuitOverride::kOpen).ok());
  EXPECT_EQ(Tell(get_user()), "refused, and nothing sent: circuit_open");
  ExpectFound("UNAVAILABLE", "the circuit of compartment", get_user());
  ExpectFound("DEADLINE_EXCEEDED", "less than 1 ms was left", client.GetUser(AskFor("u-1"), {.timeout = 0s}).status());
  ExpectFound("Other codes", "CallOptions", client.GetUser(AskFor("u-1"), {.metadata = {{"grpc-x", "y"}}}).status());
  client.Shutdown(0s);
  ExpectFound("UNAVAILABLE", "the client has been shut down", get_user());
}

TEST_F(TroubleshootingGuideTest, CallsThatFindNoServer) {
  server_->Stop();
  const UserClient nobody = Client();
  // A name server that nobody is at.
  const UserClient nameless = ConnectTo("dns://127.0.0.1:1/users.test:50051", NoRetryConfig());

  ExpectFound("UNAVAILABLE", "Connection refused", nobody.GetUser(AskFor("u-1")).status());
  const absl::Status unresolved = nameless.GetUser(AskFor("u-1")).status();
  // Newer versions of gRPC have other words for it.
  const bool newer = unresolved.message().find("errors resolving") != std::string::npos;
  ExpectFound("UNAVAILABLE", newer ? "errors resolving" : "DNS resolution failed", unresolved);
}

TEST_F(TroubleshootingGuideTest, AnswersThatAreTooLarge) {
  const UserClient client = Client(NoRetryConfig().insert(NoRetryConfig().size() - 3, R"(, "maxResponseMessageBytes": 1)"));

  ExpectFound("RESOURCE_EXHAUSTED", "message larger than max", client.GetUser(AskFor("u-1")).status());
}

}  // namespace
}  // namespace userclient::testing
