// A look inside a client.

#include "userclient/client_snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "tests/support/test_client.h"
#include "tests/telemetry/await.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::UnorderedElementsAre;
using namespace std::chrono_literals;

constexpr char kConfig[] = R"({
  "methodConfig": [{"name": [{"service": "user.v1.UserService"}], "timeout": "30s",
                    "retryPolicy": {"maxAttempts": 3, "initialBackoff": "0.001s", "maxBackoff": "0.001s",
                                    "backoffMultiplier": 1, "retryableStatusCodes": ["UNAVAILABLE"]}}],
  "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
  "userclient": {"bulkheads": [
    {"name": "reads", "methods": [{"service": "user.v1.UserService", "method": "GetUser"}], "channels": 2,
     "maxConcurrentCalls": 1, "maxWait": "20s", "circuitBreaker": {"minimumCalls": 5, "window": "20s", "failureRatio": 0.6, "consecutiveFailures": 100}}]}})";

class ClientSnapshotTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 1});
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));
    client_.emplace(ConnectTo(server_->address(), kConfig));
  }

  CompartmentSnapshot Reads() const { return client_->Snapshot().compartments.at(1); }

  std::optional<FlakyUserServer> server_;
  std::optional<UserClient> client_;
};

TEST_F(ClientSnapshotTest, OfAClientThatHasDoneNothing) {
  const ClientSnapshot snapshot = client_->Snapshot();

  EXPECT_EQ(snapshot.service, "user.v1.UserService");
  EXPECT_EQ(snapshot.target, server_->address());
  EXPECT_EQ(snapshot.config_version, 1);
  EXPECT_GT(snapshot.uptime, 0ns);
  EXPECT_FALSE(snapshot.shut_down);
  EXPECT_EQ(snapshot.traffic, TrafficCounts());
  EXPECT_THAT(snapshot.compartments,
              ElementsAre(Field(&CompartmentSnapshot::name, "default"), Field(&CompartmentSnapshot::name, "reads")));
  ASSERT_TRUE(snapshot.throttle);
  EXPECT_EQ(snapshot.throttle->tokens, 10);
  EXPECT_EQ(snapshot.resolution, std::nullopt);
}

TEST_F(ClientSnapshotTest, SaysWhoseCallsACompartmentCarries) {
  const ClientSnapshot snapshot = client_->Snapshot();

  EXPECT_THAT(
      snapshot.compartments.at(0).methods,
      UnorderedElementsAre("user.v1.UserService/StreamActivity", "user.v1.UserService/ListUsers",
                           "user.v1.UserService/CreateUser", "user.v1.UserService/BatchCreateUsers",
                           "user.v1.UserService/WatchUsers", "user.v1.UserService/LookupUsers", "grpc.health.v1.Health/Check"));
  EXPECT_THAT(snapshot.compartments.at(1).methods, ElementsAre("user.v1.UserService/GetUser"));
}

TEST_F(ClientSnapshotTest, CountsCallsAttemptsAndFailures) {
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable), Ok(), Fail(StatusCode::kNotFound)});

  ASSERT_TRUE(client_->GetUser(AskFor("u-1")).ok());
  ASSERT_FALSE(client_->GetUserAsync(AskFor("u-1")).Get().ok());
  ASSERT_FALSE(client_->GetUser(AskFor("u-1"), {.timeout = 1ns}).ok());

  const TrafficCounts expected = {
      .calls = 3, .failed_calls = 2, .rejected_calls = 1, .attempts = 3, .failed_attempts = 2, .retries = 1};
  EXPECT_EQ(Reads().traffic, expected);
  EXPECT_EQ(client_->Snapshot().traffic, expected);
}

TEST_F(ClientSnapshotTest, ShowsSeatsAndWhoWaitsForThem) {
  server_->Script("GetUser", {Hang()});
  std::stop_source stop;
  PendingCall<user::v1::GetUserResponse> seated = client_->GetUserAsync(AskFor("u-1"), {.stop = stop.get_token()});
  ASSERT_TRUE(server_->AwaitAttempts("GetUser", 1));
  PendingCall<user::v1::GetUserResponse> waiting = client_->GetUserAsync(AskFor("u-1"), {.stop = stop.get_token()});

  const CompartmentSnapshot reads = Reads();

  EXPECT_EQ(reads.limit, 1);
  EXPECT_FALSE(reads.adaptive);
  EXPECT_EQ(reads.in_use, 1);
  EXPECT_EQ(reads.waiting, 1);
  EXPECT_EQ(client_->Snapshot().calls_in_flight, 2);
  stop.request_stop();
  EXPECT_FALSE(std::move(seated).Get().ok());
  EXPECT_FALSE(std::move(waiting).Get().ok());
  EXPECT_TRUE(Await([&] { return client_->Snapshot().calls_in_flight == 0; }));
}

TEST_F(ClientSnapshotTest, ShowsTheWindowOfABreakerAndHowLongItStaysOpen) {
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kInternal)});
  for (int i = 0; i < 4; ++i) ASSERT_FALSE(client_->GetUser(AskFor("u-1")).ok());
  const std::optional<BreakerSnapshot> before = Reads().breaker;

  ASSERT_FALSE(client_->GetUser(AskFor("u-1")).ok());

  ASSERT_TRUE(before);
  EXPECT_EQ(before->state, CircuitState::kClosed);
  EXPECT_EQ(before->calls, 4);
  EXPECT_EQ(before->failures, 4);
  EXPECT_EQ(before->failure_ratio(), 1);
  EXPECT_EQ(before->failures_in_a_row, 4);
  EXPECT_EQ(before->opens_at_failure_ratio, 0.6);
  EXPECT_EQ(before->minimum_calls, 5);
  EXPECT_EQ(before->window, 20s);
  const std::optional<BreakerSnapshot> after = Reads().breaker;
  ASSERT_TRUE(after);
  EXPECT_EQ(after->state, CircuitState::kOpen);
  EXPECT_EQ(after->changes, 1u);
  ASSERT_TRUE(after->retry_after);
  EXPECT_GT(*after->retry_after, 0s);
  EXPECT_LE(*after->retry_after, 10s);
}

TEST_F(ClientSnapshotTest, ShowsChannels) {
  ASSERT_TRUE(client_->WaitReady(30s));

  const std::vector<ChannelSnapshot> channels = Reads().channels;

  ASSERT_EQ(channels.size(), 2u);
  EXPECT_EQ(channels[0].connectivity, Connectivity::kReady);
  EXPECT_EQ(channels[1].connectivity, Connectivity::kReady);
  EXPECT_NE(channels[0].number, channels[1].number);
  EXPECT_TRUE(channels[0].in_use);
}

TEST_F(ClientSnapshotTest, AReloadKeepsTheTrafficOfCompartmentsThatItRemoves) {
  ASSERT_TRUE(client_->GetUser(AskFor("u-1")).ok());

  ASSERT_TRUE(client_->SetConfig(*ServiceConfig::Parse("{}")).ok());
  ASSERT_TRUE(client_->GetUser(AskFor("u-1")).ok());

  const ClientSnapshot snapshot = client_->Snapshot();
  EXPECT_EQ(snapshot.config_version, 2);
  ASSERT_EQ(snapshot.compartments.size(), 1u);
  EXPECT_EQ(snapshot.compartments[0].traffic.calls, 1);
  EXPECT_EQ(snapshot.traffic.calls, 2);
  EXPECT_EQ(snapshot.throttle, std::nullopt);
}

TEST_F(ClientSnapshotTest, KnowsTheEndpointsOfAName) {
  const UserClient named = ConnectTo("dns:///localhost:" + std::to_string(server_->port()));

  ASSERT_TRUE(Await([&] {
    const auto seen = named.Snapshot().resolution;
    return seen && !seen->endpoints.empty();
  }));

  const std::optional<ResolutionSnapshot> resolution = named.Snapshot().resolution;
  EXPECT_THAT(resolution->endpoints.ipv4, ElementsAre("127.0.0.1"));
  EXPECT_TRUE(resolution->status.ok()) << resolution->status;
  EXPECT_GE(resolution->lookups, 1);
  EXPECT_TRUE(resolution->age);
}

TEST_F(ClientSnapshotTest, SaysThatItHasBeenShutDown) {
  EXPECT_TRUE(client_->Shutdown(10s));

  EXPECT_TRUE(client_->Snapshot().shut_down);
}

// ---- Rates

TEST_F(ClientSnapshotTest, TwoOfThemGiveRates) {
  const ClientSnapshot before = client_->Snapshot();
  server_->Script("GetUser", {Fail(StatusCode::kNotFound), Ok()});
  ASSERT_FALSE(client_->GetUser(AskFor("u-1")).ok());
  ASSERT_TRUE(client_->GetUser(AskFor("u-1")).ok());

  const ClientSnapshot now = client_->Snapshot();

  const std::optional<TrafficRates> rates = RatesBetween(before, now);
  ASSERT_TRUE(rates);
  const double seconds = std::chrono::duration<double>(now.uptime - before.uptime).count();
  EXPECT_DOUBLE_EQ(rates->calls * seconds, 2);
  EXPECT_DOUBLE_EQ(rates->failed_calls * seconds, 1);
}

TEST(TrafficRatesTest, AreDifferencesASecond) {
  const TrafficCounts before = {.calls = 10, .failed_calls = 1, .attempts = 10};
  const TrafficCounts now = {
      .calls = 30, .failed_calls = 6, .rejected_calls = 4, .attempts = 28, .failed_attempts = 8, .retries = 1, .hedges = 2};

  EXPECT_EQ(RatesBetween(before, now, 2s), (TrafficRates{.calls = 10,
                                                         .failed_calls = 2.5,
                                                         .rejected_calls = 2,
                                                         .attempts = 9,
                                                         .failed_attempts = 4,
                                                         .retries = 0.5,
                                                         .hedges = 1}));
}

TEST(TrafficRatesTest, ThereAreNoneWhereTheyCannotBeTold) {
  const ClientSnapshot before = {.target = "one", .uptime = 1s, .traffic = {.calls = 5}};
  const ClientSnapshot now = {.target = "one", .uptime = 2s, .traffic = {.calls = 6}};
  ClientSnapshot other = now;
  other.target = "another";

  EXPECT_TRUE(RatesBetween(before, now));
  EXPECT_FALSE(RatesBetween(now, before)) << "the wrong way round";
  EXPECT_FALSE(RatesBetween(before, before)) << "no time has passed";
  EXPECT_FALSE(RatesBetween(before, other)) << "different clients";
  EXPECT_FALSE(RatesBetween(now.traffic, before.traffic, 1s)) << "counts that have gone back";
}

// ---- As JSON

std::vector<std::string> KeysOf(const json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return keys;
}

TEST(ClientSnapshotJsonTest, HasTheFieldsThatAreDocumented) {
  ClientSnapshot snapshot{.service = "user.v1.UserService", .target = "dns:///users:1"};
  snapshot.compartments.push_back(
      {.name = "reads", .breaker = BreakerSnapshot{.retry_after = 1500ms}, .channels = {ChannelSnapshot{}}});
  snapshot.resolution = ResolutionSnapshot{.endpoints = {.ipv4 = {"10.0.0.1"}}, .status = absl::NotFoundError("gone")};
  snapshot.throttle = ThrottleSnapshot{.tokens = 7.5, .max_tokens = 10};

  const json parsed = json::parse(ToJson(snapshot));

  EXPECT_THAT(KeysOf(parsed),
              ::testing::UnorderedElementsAre("service", "target", "config_version", "taken_at", "uptime", "shut_down",
                                              "calls_in_flight", "traffic", "compartments", "resolution", "throttle"));
  EXPECT_THAT(KeysOf(parsed["traffic"]), ::testing::UnorderedElementsAre("calls", "failed_calls", "rejected_calls", "attempts",
                                                                         "failed_attempts", "retries", "hedges"));
  const json& reads = parsed["compartments"][0];
  EXPECT_THAT(KeysOf(reads), ::testing::UnorderedElementsAre("name", "methods", "limit", "adaptive", "in_use", "waiting",
                                                             "breaker", "channels", "traffic"));
  EXPECT_EQ(reads["limit"], nullptr);
  EXPECT_THAT(KeysOf(reads["breaker"]),
              ::testing::UnorderedElementsAre("state", "changes", "window", "calls", "failures", "slow_calls", "failure_ratio",
                                              "failures_in_a_row", "opens_at_failure_ratio", "minimum_calls", "retry_after"));
  EXPECT_EQ(reads["breaker"]["retry_after"], 1.5);
  EXPECT_EQ(reads["breaker"]["state"], "closed");
  EXPECT_EQ(reads["channels"][0]["connectivity"], "IDLE");
  EXPECT_EQ(parsed["resolution"]["error"], "gone");
  EXPECT_EQ(parsed["resolution"]["age"], nullptr);
  EXPECT_EQ(parsed["resolution"]["ipv4"][0], "10.0.0.1");
  EXPECT_EQ(parsed["throttle"]["tokens"], 7.5);
}

TEST(ClientSnapshotJsonTest, IsOneLineWhateverAServerHasSaid) {
  ClientSnapshot snapshot;
  snapshot.resolution = ResolutionSnapshot{.status = absl::InternalError("two\nlines and \xff")};

  const std::string text = ToJson(snapshot);

  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_TRUE(json::accept(text)) << text;
}

}  // namespace
}  // namespace userclient::testing
