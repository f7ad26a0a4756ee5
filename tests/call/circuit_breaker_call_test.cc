// The breaker on the way of real calls. Its own rules are tested in tests/policy.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/test_client.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using ::testing::ElementsAre;
using namespace std::chrono_literals;

/// Both faces must behave alike.
enum class Face { kBlocking, kAsync };

std::string BreakerConfig(const std::string& breaker, const std::string& retry = {}, const std::string& timeout = "30s") {
  return absl::StrCat(R"({"methodConfig": [{"name": [{"service": "user.v1.UserService"}], "timeout": ")", timeout, R"(")",
                      retry.empty() ? "" : ", ", retry, R"(}], "userclient": {"bulkheads": [{"name": "reads",
      "methods": [{"service": "user.v1.UserService", "method": "GetUser"}], "circuitBreaker": )",
                      breaker, "}]}}");
}

const char kOpensAtOnce[] = R"({"minimumCalls": 2, "failureRatio": 0.5, "openDuration": "1000s", "maxOpenDuration": "1000s"})";
const char kComesBackSoon[] =
    R"({"minimumCalls": 2, "failureRatio": 0.5, "openDuration": "0.02s", "maxOpenDuration": "0.02s", "halfOpenProbes": 2})";

class CircuitBreakerCallTest : public ::testing::TestWithParam<Face> {
 protected:
  void SetUp() override {
    absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 1});
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));
  }

  void Connect(const std::string& config) {
    const auto listen = [this](std::string_view compartment, const CircuitTransition& transition) {
      const std::lock_guard lock(mutex_);
      transitions_.push_back(absl::StrCat(std::string(compartment), ": ", std::string(CircuitStateName(transition.from)), " to ",
                                          std::string(CircuitStateName(transition.to))));
    };
    absl::StatusOr<UserClient> client = UserClient::Create({.target = server_->address(),
                                                            .credentials = Credentials::Insecure(),
                                                            .service_config_json = config,
                                                            .on_circuit_change = listen});
    ASSERT_TRUE(client.ok()) << client.status();
    client_.emplace(*std::move(client));
  }

  absl::Status GetUser(const CallOptions& options = {}) {
    if (GetParam() == Face::kBlocking) return client_->GetUser(AskFor("u-1"), options).status();
    return client_->GetUserAsync(AskFor("u-1"), options).Get().status();
  }

  std::vector<std::string> transitions() {
    const std::lock_guard lock(mutex_);
    return transitions_;
  }

  std::optional<FlakyUserServer> server_;
  std::optional<UserClient> client_;
  std::mutex mutex_;
  std::vector<std::string> transitions_;
};

TEST_P(CircuitBreakerCallTest, StopsCallingWhatKeepsFailing) {
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kUnavailable, "down")});
  Connect(BreakerConfig(kOpensAtOnce));
  EXPECT_EQ(GetUser().message(), "down");
  EXPECT_EQ(GetUser().message(), "down");

  const absl::Status refused = GetUser();

  EXPECT_EQ(refused.code(), StatusCode::kUnavailable);
  EXPECT_EQ(RejectionOf(refused), Rejection::kCircuitOpen);
  ASSERT_TRUE(RetryAfterOf(refused).has_value());
  EXPECT_GT(*RetryAfterOf(refused), 400s);
  EXPECT_LE(*RetryAfterOf(refused), 1000s);
  EXPECT_EQ(server_->attempts("GetUser"), 2) << "a refusal sends nothing";
  EXPECT_THAT(transitions(), ElementsAre("reads: closed to open"));
}

TEST_P(CircuitBreakerCallTest, ComesBackWhenTheServerIsWell) {
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable).Times(2)});
  Connect(BreakerConfig(kComesBackSoon));
  EXPECT_FALSE(GetUser().ok());
  EXPECT_FALSE(GetUser().ok());

  absl::Status status = absl::UnavailableError("not yet");
  const auto give_up = std::chrono::steady_clock::now() + 30s;
  while (!status.ok() && std::chrono::steady_clock::now() < give_up) status = GetUser();
  EXPECT_TRUE(GetUser().ok());

  EXPECT_THAT(transitions(), ElementsAre("reads: closed to open", "reads: open to half-open", "reads: half-open to closed"));
}

TEST_P(CircuitBreakerCallTest, AnOpenCircuitEndsTheRetriesWithWhatTheServerSaid) {
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kUnavailable, "down")});
  Connect(BreakerConfig(kOpensAtOnce, RetryPolicyJson({.max_attempts = 5})));

  const absl::Status status = GetUser();

  EXPECT_EQ(status.message(), "down");
  EXPECT_EQ(RejectionOf(status), std::nullopt) << "something was sent";
  EXPECT_EQ(ReportOf(status)->end, CallEnd::kCircuitOpen);
  EXPECT_EQ(server_->attempts("GetUser"), 2);
}

TEST_P(CircuitBreakerCallTest, TheListenerMayShutTheClientDown) {
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kUnavailable)});
  absl::StatusOr<UserClient> client =
      UserClient::Create({.target = server_->address(),
                          .credentials = Credentials::Insecure(),
                          .service_config_json = BreakerConfig(kOpensAtOnce),
                          .on_circuit_change = [this](auto&&...) { EXPECT_FALSE(client_->Shutdown(10s)); }});
  ASSERT_TRUE(client.ok()) << client.status();
  client_.emplace(*std::move(client));
  EXPECT_FALSE(GetUser().ok());

  const auto second = std::async(std::launch::async, [this] { return GetUser(); });

  EXPECT_EQ(second.wait_for(30s), std::future_status::ready);
  EXPECT_EQ(RejectionOf(GetUser()), Rejection::kShutdown);
}

TEST_P(CircuitBreakerCallTest, AnImpatientCallerDoesNotOpenIt) {
  server_->ScriptRepeatedly("GetUser", {Hang()});
  Connect(BreakerConfig(kOpensAtOnce));

  EXPECT_EQ(GetUser({.timeout = 5ms}).code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(GetUser({.timeout = 5ms}).code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(GetUser({.timeout = 5ms}).code(), StatusCode::kDeadlineExceeded);

  ASSERT_EQ(server_->SetFaults("{}"), absl::OkStatus());
  EXPECT_EQ(GetUser(), absl::OkStatus());
  EXPECT_TRUE(transitions().empty());
}

TEST_P(CircuitBreakerCallTest, AServerThatIsTooSlowForTheMethodsOwnTimeoutOpensIt) {
  server_->ScriptRepeatedly("GetUser", {Hang()});
  Connect(BreakerConfig(kOpensAtOnce, "", "0.5s"));

  EXPECT_EQ(GetUser().code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(GetUser().code(), StatusCode::kDeadlineExceeded);

  EXPECT_EQ(RejectionOf(GetUser()), Rejection::kCircuitOpen);
}

TEST_P(CircuitBreakerCallTest, AnswersThatAreErrorsOfTheCallerDoNotOpenIt) {
  server_->ScriptRepeatedly(
      "GetUser", {Fail(StatusCode::kNotFound), Fail(StatusCode::kInvalidArgument), Fail(StatusCode::kPermissionDenied)});
  Connect(BreakerConfig(kOpensAtOnce));

  EXPECT_EQ(GetUser().code(), StatusCode::kNotFound);
  EXPECT_EQ(GetUser().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(GetUser().code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(GetUser().code(), StatusCode::kNotFound);

  EXPECT_TRUE(transitions().empty());
}

TEST_P(CircuitBreakerCallTest, OtherCompartmentsGoOn) {
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kUnavailable)});
  Connect(BreakerConfig(kOpensAtOnce));
  EXPECT_FALSE(GetUser().ok());
  EXPECT_FALSE(GetUser().ok());
  EXPECT_EQ(RejectionOf(GetUser()), Rejection::kCircuitOpen);

  EXPECT_TRUE(client_->ListUsers({}).ok());
}

TEST_P(CircuitBreakerCallTest, AnOperatorMayOpenIt) {
  Connect(BreakerConfig(kOpensAtOnce));
  ASSERT_EQ(client_->OverrideCircuit("reads", CircuitOverride::kOpen), absl::OkStatus());

  EXPECT_EQ(RejectionOf(GetUser()), Rejection::kCircuitOpen);
  EXPECT_EQ(server_->attempts("GetUser"), 0);

  ASSERT_EQ(client_->OverrideCircuit("reads", CircuitOverride::kNone), absl::OkStatus());
  EXPECT_EQ(GetUser(), absl::OkStatus());
  EXPECT_THAT(transitions(), ElementsAre("reads: closed to forced open", "reads: forced open to closed"));
}

TEST_P(CircuitBreakerCallTest, AnOperatorMayKeepItClosed) {
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kUnavailable, "down")});
  Connect(BreakerConfig(kOpensAtOnce));
  ASSERT_EQ(client_->OverrideCircuit("reads", CircuitOverride::kClosed), absl::OkStatus());

  for (int i = 0; i < 10; ++i) EXPECT_EQ(GetUser().message(), "down");

  EXPECT_THAT(transitions(), ElementsAre("reads: closed to forced closed"));
}

TEST_P(CircuitBreakerCallTest, OnlyACompartmentWithABreakerCanBeOverridden) {
  Connect(BreakerConfig(kOpensAtOnce));

  const absl::Status unknown = client_->OverrideCircuit("raeds", CircuitOverride::kOpen);
  const absl::Status without = client_->OverrideCircuit("default", CircuitOverride::kOpen);

  EXPECT_EQ(unknown, absl::NotFoundError("there is no compartment \"raeds\"; there are: default, reads"));
  EXPECT_EQ(without.code(), StatusCode::kFailedPrecondition);
}

INSTANTIATE_TEST_SUITE_P(Faces, CircuitBreakerCallTest, ::testing::Values(Face::kBlocking, Face::kAsync),
                         [](const auto& face) { return face.param == Face::kBlocking ? "Blocking" : "Async"; });

}  // namespace
}  // namespace userclient::testing
