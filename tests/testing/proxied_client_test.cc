// A real client and a real server with a FaultProxy between them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/server/status_matchers.h"
#include "tests/server/stream_client.h"
#include "tests/support/test_client.h"
#include "userclient/testing/fault_proxy.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using ::testing::AnyOf;
using namespace std::chrono_literals;

class ProxiedClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 3, .seed_activity = 200});
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));
    absl::StatusOr<std::unique_ptr<FaultProxy>> proxy = FaultProxy::Start({.upstream = server_->address()});
    ASSERT_TRUE(proxy.ok()) << proxy.status();
    proxy_ = *std::move(proxy);
  }

  UserClient Connect(const std::string& config = RetryConfig({.max_attempts = 10, .max_backoff = "0.5s"})) {
    return ConnectTo(proxy_->address(), config);
  }

  std::optional<FlakyUserServer> server_;
  std::unique_ptr<FaultProxy> proxy_;
};

TEST_F(ProxiedClientTest, CallsGoThrough) {
  const UserClient client = Connect();

  EXPECT_THAT(client.GetUser(AskFor("u-1")), IsOk());

  EXPECT_TRUE(proxy_->Await(
      [](const ProxyCounts& counts) { return counts.accepted > 0 && counts.to_server > 0 && counts.to_client > 0; }));
}

TEST_F(ProxiedClientTest, CallsTakeTheLatencyOfBothDirections) {
  const UserClient client = Connect();
  ASSERT_TRUE(client.WaitReady(30s));
  proxy_->Set({.to_server = {.latency = 100ms}, .to_client = {.latency = 200ms}});

  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(client.GetUser(AskFor("u-1")), IsOk());

  EXPECT_GE(std::chrono::steady_clock::now() - begin, 300ms);
}

TEST_F(ProxiedClientTest, AResetIsUnavailable) {
  const UserClient client = Connect(NoRetryConfig());
  ASSERT_THAT(client.GetUser(AskFor("u-1")), IsOk());
  server_->Script("GetUser", {Hang()});
  auto pending = client.GetUserAsync(AskFor("u-1"));
  ASSERT_TRUE(server_->AwaitAttempts("GetUser", 2));

  proxy_->ResetConnections();

  EXPECT_THAT(std::move(pending).Get(), HasCode(StatusCode::kUnavailable));
}

TEST_F(ProxiedClientTest, ARetryOutlivesAReset) {
  const UserClient client = Connect();
  ASSERT_THAT(client.GetUser(AskFor("u-1")), IsOk());
  server_->Script("GetUser", {Hang()});
  auto pending = client.GetUserAsync(AskFor("u-1"));
  ASSERT_TRUE(server_->AwaitAttempts("GetUser", 2));

  proxy_->ResetConnections();

  EXPECT_THAT(std::move(pending).Get(), IsOk());
}

TEST_F(ProxiedClientTest, ABlackHoleCostsTheDeadlineAndNoMore) {
  const UserClient client = Connect();
  ASSERT_THAT(client.GetUser(AskFor("u-1")), IsOk());
  proxy_->Set(BlackHole());

  EXPECT_THAT(client.GetUser(AskFor("u-1"), {.timeout = 2s}), HasCode(StatusCode::kDeadlineExceeded));
  EXPECT_TRUE(proxy_->Await([](const ProxyCounts& counts) { return counts.swallowed > 0; }));

  proxy_->Heal();
  EXPECT_THAT(client.GetUser(AskFor("u-1"), {.timeout = 30s}), IsOk());
}

TEST_F(ProxiedClientTest, HoldingDelaysACallAndLosesNothing) {
  const UserClient client = Connect(NoRetryConfig());
  ASSERT_THAT(client.GetUser(AskFor("u-1")), IsOk());
  proxy_->Set(BothWays({.flow = Flow::kHold}));
  auto pending = client.GetUserAsync(AskFor("u-1"));
  EXPECT_FALSE(pending.Wait(50ms));

  proxy_->Heal();

  EXPECT_THAT(std::move(pending).Get(), IsOk());
}

TEST_F(ProxiedClientTest, AnAnswerThatIsCutIsUnavailableAndItsStreamIsResumed) {
  const UserClient client = Connect();
  user::v1::StreamActivityRequest request;
  request.set_user_id("u-1");
  std::vector<std::string> whole;
  for (const auto& event : client.StreamActivity(request)) whole.push_back(event.event_id());
  ASSERT_GT(whole.size(), 100u);

  proxy_->Set({.to_client = {.cut_after = 2'000}});
  auto stream = client.StreamActivity(request);
  std::vector<std::string> seen = {stream.Next().value_or(user::v1::ActivityEvent()).event_id()};
  ASSERT_TRUE(proxy_->Await([](const ProxyCounts& counts) { return counts.reset > 0; }));
  proxy_->Heal();
  for (const auto& event : stream) seen.push_back(event.event_id());

  EXPECT_EQ(stream.status(), absl::OkStatus());
  EXPECT_EQ(seen, whole);
}

TEST_F(ProxiedClientTest, AnAnswerThatIsClosedInItsMidstIsResumed) {
  const UserClient client = Connect();
  user::v1::StreamActivityRequest request;
  request.set_user_id("u-1");
  std::vector<std::string> whole;
  for (const auto& event : client.StreamActivity(request)) whole.push_back(event.event_id());
  ASSERT_GT(whole.size(), 100u);

  proxy_->Set({.to_client = {.cut_after = 2'000, .cut = Cut::kClose}});
  auto stream = client.StreamActivity(request);
  std::vector<std::string> seen = {stream.Next().value_or(user::v1::ActivityEvent()).event_id()};
  ASSERT_TRUE(proxy_->Await([](const ProxyCounts& counts) { return counts.swallowed > 0; }));
  proxy_->Heal();
  for (const auto& event : stream) seen.push_back(event.event_id());

  EXPECT_EQ(stream.status(), absl::OkStatus());
  EXPECT_EQ(seen, whole);
  EXPECT_EQ(proxy_->counts().reset, 0);
}

// gRPC calls it UNAVAILABLE or UNKNOWN, as it comes.
TEST_F(ProxiedClientTest, WhatIsNoHttp2AnyMoreFails) {
  const UserClient client = Connect(NoRetryConfig());
  ASSERT_THAT(client.GetUser(AskFor("u-1")), IsOk());
  proxy_->Set({.to_client = {.corrupt_after = 0}});

  EXPECT_THAT(client.GetUser(AskFor("u-1")), AnyOf(HasCode(StatusCode::kUnavailable), HasCode(StatusCode::kUnknown)));

  proxy_->Heal();
  EXPECT_TRUE(client.WaitReady(30s));
  // For a moment gRPC may still give the broken connection to a call.
  EXPECT_TRUE(Await([&] { return client.GetUser(AskFor("u-1")).ok(); }));
}

TEST_F(ProxiedClientTest, AConnectionThatIsFrozenIsNotTheNextOne) {
  const UserClient client = Connect();
  ASSERT_THAT(client.GetUser(AskFor("u-1")), IsOk());
  proxy_->Set(BothWays({.flow = Flow::kHold}), Connections::kExisting);

  const UserClient next = Connect();

  EXPECT_THAT(next.GetUser(AskFor("u-1")), IsOk());
  EXPECT_THAT(client.GetUser(AskFor("u-1"), {.timeout = 200ms}), HasCode(StatusCode::kDeadlineExceeded));
}

TEST_F(ProxiedClientTest, WhoCannotConnectWaitsForHisDeadline) {
  proxy_->Set({.new_connections = NewConnections::kHang});
  const UserClient client = Connect(NoRetryConfig());

  EXPECT_THAT(client.GetUser(AskFor("u-1"), {.timeout = 200ms}), HasCode(StatusCode::kDeadlineExceeded));

  proxy_->Heal();
  EXPECT_TRUE(client.WaitReady(30s));
}

TEST_F(ProxiedClientTest, RefusedIsUnavailableUntilItIsHealed) {
  proxy_->Set({.new_connections = NewConnections::kRefuse});
  const UserClient client = Connect(NoRetryConfig());
  EXPECT_THAT(client.GetUser(AskFor("u-1")), HasCode(StatusCode::kUnavailable));

  proxy_->Heal();

  EXPECT_TRUE(client.WaitReady(30s));
  EXPECT_THAT(client.GetUser(AskFor("u-1")), IsOk());
}

// The server's answers are lost, and so are the calls, until the client has another connection.
TEST_F(ProxiedClientTest, TheServerHearsAHalfOpenConnection) {
  const UserClient client = Connect();
  ASSERT_THAT(client.GetUser(AskFor("u-1")), IsOk());
  proxy_->Set(HalfOpen());

  EXPECT_THAT(client.GetUser(AskFor("u-2"), {.timeout = 2s}), HasCode(StatusCode::kDeadlineExceeded));

  EXPECT_TRUE(server_->AwaitAttempts("GetUser", 2));
}

TEST_F(ProxiedClientTest, ASlowWireIsSlow) {
  const UserClient client = Connect(NoRetryConfig());
  ASSERT_TRUE(client.WaitReady(30s));
  user::v1::StreamActivityRequest request;
  request.set_user_id("u-1");
  proxy_->Set({.to_client = {.bytes_per_second = 20'000}});
  const int64_t before = proxy_->counts().to_client;

  const auto begin = std::chrono::steady_clock::now();
  int events = 0;
  for ([[maybe_unused]] const auto& event : client.StreamActivity(request)) ++events;
  const auto took = std::chrono::steady_clock::now() - begin;

  EXPECT_GT(events, 100);
  const auto bytes = static_cast<double>(proxy_->counts().to_client - before);
  EXPECT_GE(std::chrono::duration<double>(took).count(), bytes / 20'000 * 0.5);
}

}  // namespace
}  // namespace userclient::testing
