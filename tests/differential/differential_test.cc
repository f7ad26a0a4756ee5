// The same service config and the same sick server, once through a channel of gRPC's own and once through the SDK: both must make
// the same attempts, at the same pace, and end the same way. (The config's timeout is left out: gRPC C++ gets it wrong.)

#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/grpc_version.h"
#include "tests/support/test_client.h"
#include "user/v1/user_service.grpc.pb.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using std::chrono::milliseconds;
using user::v1::GetUserResponse;
using user::v1::UserService;
using namespace std::chrono_literals;

/// Pauses are of whole milliseconds: none is to be of 0, but where that is what is asked for.
RetryJson Quick(RetryJson retry) {
  retry.initial_backoff = "0.002s";
  retry.max_backoff = "0.004s";
  return retry;
}

struct Scenario {
  std::string name;
  RetryJson retry = Quick({});
  std::vector<Step> script;
  /// So many calls, one after the other.
  int calls = 1;
  std::string throttling{};
  /// How long after its predecessor each retry of the first call comes at the earliest, jitter considered.
  std::vector<milliseconds> gaps{};
};

void PrintTo(const Scenario& scenario, std::ostream* out) { *out << scenario.name; }

/// What a client did, as the caller and the server saw it.
struct Behaviour {
  /// "UNAVAILABLE: message" of each call.
  std::vector<std::string> results;
  /// The value of grpc-previous-rpc-attempts of each attempt of all calls.
  std::vector<int> previous_attempts;
  /// Between the attempts of the first call.
  std::vector<std::chrono::nanoseconds> gaps;
};

std::string Result(StatusCode code, const std::string& message) {
  return absl::StrCat(absl::StatusCodeToString(code), ": ", message);
}

std::string ConfigOf(const Scenario& scenario) {
  return absl::StrCat(R"({"methodConfig": [{"name": [{"service": "user.v1.UserService"}], )", RetryPolicyJson(scenario.retry),
                      "}]", scenario.throttling, "}");
}

/// One call by each of the two ways; gives its result.
using Caller = std::function<std::string()>;

constexpr std::chrono::seconds kTimeout{10};

/// Newer versions of gRPC (1.83) now and then forget a call that they are to retry after less than a millisecond, and its
/// deadline with it (https://github.com/grpc/grpc/issues/41036).
const std::string kForgotten = "forgotten by gRPC";

Caller RawChannel(const std::string& address, const std::string& config) {
  grpc::ChannelArguments arguments;
  arguments.SetServiceConfigJSON(config);
  std::shared_ptr<UserService::Stub> stub =
      UserService::NewStub(grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
  return [stub] {
    struct Call {
      grpc::ClientContext context;
      user::v1::GetUserRequest request = AskFor("u-1");
      GetUserResponse user;
      std::promise<grpc::Status> ended;
    };
    const auto call = std::make_shared<Call>();
    call->context.set_deadline(std::chrono::system_clock::now() + kTimeout);
    stub->async()->GetUser(&call->context, &call->request, &call->user,
                           [call](const grpc::Status& status) { call->ended.set_value(status); });
    std::future<grpc::Status> ended = call->ended.get_future();
    if (ended.wait_for(2 * kTimeout) != std::future_status::ready) return kForgotten;
    const grpc::Status status = ended.get();
    return Result(static_cast<StatusCode>(status.error_code()), status.error_message());
  };
}

Caller Sdk(const std::string& address, const std::string& config) {
  return [client = ConnectTo(address, config)] {
    const auto user = client.GetUser(AskFor("u-1"), {.timeout = kTimeout});
    return Result(user.status().code(), std::string(user.status().message()));
  };
}

Behaviour Observe(const Scenario& scenario, Caller (*make_caller)(const std::string&, const std::string&)) {
  absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 1});
  if (!server.ok()) {
    ADD_FAILURE() << server.status();
    return {};
  }
  server->Script("GetUser", scenario.script);
  const Caller call = make_caller(server->address(), ConfigOf(scenario));

  Behaviour behaviour;
  size_t attempts_of_first_call = 0;
  for (int i = 0; i < scenario.calls; ++i) {
    behaviour.results.push_back(call());
    if (i == 0) attempts_of_first_call = server->ReceivedAttempts("GetUser").size();
  }
  const std::vector<ReceivedAttempt> attempts = server->ReceivedAttempts("GetUser");
  for (const ReceivedAttempt& attempt : attempts) behaviour.previous_attempts.push_back(attempt.previous_attempts);
  for (size_t i = 1; i < attempts_of_first_call; ++i) behaviour.gaps.push_back(attempts[i].arrived - attempts[i - 1].arrived);
  return behaviour;
}

/// gRPC counts in whole milliseconds, and an attempt may be on its way longer than the next.
constexpr milliseconds kTimerSlack = 5ms;

void ExpectPace(const Behaviour& behaviour, const Scenario& scenario, const char* whose) {
  if (scenario.gaps.empty()) return;
  ASSERT_EQ(behaviour.gaps.size(), scenario.gaps.size()) << whose;
  for (size_t i = 0; i < scenario.gaps.size(); ++i) {
    EXPECT_GE(behaviour.gaps[i] + kTimerSlack, scenario.gaps[i]) << whose << ", retry " << i + 1;
  }
}

class DifferentialTest : public ::testing::TestWithParam<Scenario> {};

TEST_P(DifferentialTest, BehavesAsGrpcDoes) {
  const Behaviour raw = Observe(GetParam(), RawChannel);
  if (!kOldestGrpc && std::find(raw.results.begin(), raw.results.end(), kForgotten) != raw.results.end()) {
    GTEST_SKIP() << "there is nothing to compare with: a call was " << kForgotten;
  }
  const Behaviour sdk = Observe(GetParam(), Sdk);

  EXPECT_EQ(sdk.results, raw.results);
  EXPECT_EQ(sdk.previous_attempts, raw.previous_attempts);
  ExpectPace(raw, GetParam(), "gRPC");
  ExpectPace(sdk, GetParam(), "userclient");
}

const RetryJson kSlow = {.initial_backoff = "0.1s", .max_backoff = "0.15s"};
const std::string kTokens = R"(, "retryThrottling": {"maxTokens": 4, "tokenRatio": 0.5})";

INSTANTIATE_TEST_SUITE_P(
    A6, DifferentialTest,
    ::testing::Values(
        Scenario{.name = "SuccessAtOnce", .script = {Ok()}},
        Scenario{.name = "OneRetry", .script = {Fail(StatusCode::kUnavailable, "a"), Ok()}},
        Scenario{.name = "ThreeRetries", .script = {Fail(StatusCode::kUnavailable).Times(3), Ok()}},
        Scenario{.name = "ExceedMaxAttempts", .script = {Fail(StatusCode::kUnavailable, "a").Times(4)}},
        Scenario{.name = "FiveAttempts",
                 .retry = Quick({.max_attempts = 5}),
                 .script = {Fail(StatusCode::kUnavailable, "a").Times(5)}},
        Scenario{
            .name = "TwoAttempts", .retry = Quick({.max_attempts = 2}), .script = {Fail(StatusCode::kUnavailable, "a").Times(2)}},
        Scenario{.name = "NonRetryableCode", .script = {Fail(StatusCode::kNotFound, "none")}},
        Scenario{.name = "NonRetryableCodeAfterARetry",
                 .script = {Fail(StatusCode::kUnavailable), Fail(StatusCode::kInternal, "bug")}},
        Scenario{
            .name = "SeveralCodes",
            .retry = Quick({.codes = R"("UNAVAILABLE", "ABORTED", "RESOURCE_EXHAUSTED")"}),
            .script = {Fail(StatusCode::kAborted), Fail(StatusCode::kResourceExhausted), Fail(StatusCode::kUnavailable), Ok()}},
        Scenario{.name = "ResourceExhaustedUnlisted", .script = {Fail(StatusCode::kResourceExhausted, "full")}},
        Scenario{.name = "DeadlineExceededByTheServerListed",
                 .retry = Quick({.codes = R"("UNAVAILABLE", "DEADLINE_EXCEEDED")"}),
                 .script = {Fail(StatusCode::kDeadlineExceeded), Ok()}},
        Scenario{.name = "Pacing",
                 .retry = kSlow,
                 .script = {Fail(StatusCode::kUnavailable).Times(3), Ok()},
                 .gaps = {80ms, 120ms, 120ms}},
        Scenario{.name = "PushbackDelay", .script = {Fail(StatusCode::kUnavailable).WithPushback(200ms), Ok()}, .gaps = {200ms}},
        Scenario{.name = "PushbackZero",
                 .retry = kSlow,
                 .script = {Fail(StatusCode::kUnavailable).WithPushback(0ms), Ok()},
                 .gaps = {0ms}},
        Scenario{.name = "BackoffBeginsAnewAfterPushback",
                 .retry = {.max_attempts = 5, .initial_backoff = "0.1s", .max_backoff = "10s"},
                 .script = {Fail(StatusCode::kUnavailable), Fail(StatusCode::kUnavailable).WithPushback(10ms),
                            Fail(StatusCode::kUnavailable), Ok()},
                 .gaps = {80ms, 10ms, 80ms}},
        Scenario{.name = "PushbackStop", .script = {Fail(StatusCode::kUnavailable, "stop").WithPushbackStop()}},
        Scenario{.name = "PushbackStopAfterARetry",
                 .script = {Fail(StatusCode::kUnavailable), Fail(StatusCode::kUnavailable, "stop").WithPushbackStop()}},
        Scenario{.name = "PushbackOnAStatusThatIsNotListed",
                 .script = {Fail(StatusCode::kResourceExhausted, "x").WithPushback(1ms)}},
        Scenario{.name = "PushbackBeyondMaxAttempts",
                 .retry = Quick({.max_attempts = 2}),
                 .script = {Fail(StatusCode::kUnavailable), Fail(StatusCode::kUnavailable, "x").WithPushback(1ms)}},
        Scenario{
            .name = "Throttled", .script = {Fail(StatusCode::kUnavailable, "x").Times(6)}, .calls = 3, .throttling = kTokens},
        Scenario{.name = "ThrottledThenHealthy",
                 .script = {Fail(StatusCode::kUnavailable, "x").Times(3), Ok().Times(3), Fail(StatusCode::kUnavailable), Ok()},
                 .calls = 6,
                 .throttling = kTokens},
        Scenario{.name = "UnlistedFailuresTakeNoTokens",
                 .script = {Fail(StatusCode::kNotFound, "x").Times(5), Fail(StatusCode::kUnavailable), Ok()},
                 .calls = 6,
                 .throttling = kTokens}),
    [](const auto& scenario) { return scenario.param.name; });

}  // namespace
}  // namespace userclient::testing
