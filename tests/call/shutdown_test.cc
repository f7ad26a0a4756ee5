#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "tests/support/scripted_service.h"
#include "tests/support/test_client.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using namespace std::chrono_literals;

class ShutdownTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 1});
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));
    client_.emplace(ConnectTo(server_->address()));
  }

  std::optional<FlakyUserServer> server_;
  std::optional<UserClient> client_;
};

TEST_F(ShutdownTest, RefusesEveryCallAfterIt) {
  EXPECT_TRUE(client_->Shutdown(30s));

  EXPECT_EQ(RejectionOf(client_->GetUser(AskFor("u-1")).status()), Rejection::kShutdown);
  EXPECT_EQ(RejectionOf(client_->GetUserAsync(AskFor("u-1")).Get().status()), Rejection::kShutdown);
  EXPECT_EQ(server_->attempts("GetUser"), 0);
}

TEST_F(ShutdownTest, WaitsForTheCallsUnderWay) {
  server_->ScriptRepeatedly("GetUser", {Delay(50ms)});
  auto pending = client_->GetUserAsync(AskFor("u-1"));
  auto blocking = std::async(std::launch::async, [&] { return client_->GetUser(AskFor("u-1")).status(); });
  ASSERT_TRUE(server_->AwaitAttempts("GetUser", 2));

  EXPECT_TRUE(client_->Shutdown(30s));

  EXPECT_TRUE(std::move(pending).Get().ok());
  EXPECT_EQ(blocking.get(), absl::OkStatus());
}

TEST_F(ShutdownTest, CancelsWhatIsLeftWhenItsTimeIsOver) {
  server_->ScriptRepeatedly("GetUser", {Hang()});
  auto pending = client_->GetUserAsync(AskFor("u-1"));
  auto blocking = std::async(std::launch::async, [&] { return client_->GetUser(AskFor("u-1")).status(); });
  ASSERT_TRUE(server_->AwaitAttempts("GetUser", 2));

  EXPECT_FALSE(client_->Shutdown(1ms));

  EXPECT_EQ(std::move(pending).Get().status().code(), StatusCode::kCancelled);
  EXPECT_EQ(blocking.get().code(), StatusCode::kCancelled);
}

TEST_F(ShutdownTest, EndsCallsThatWaitBetweenAttempts) {
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kUnavailable).WithPushback(std::chrono::hours(1))});
  const UserClient patient = ConnectTo(server_->address(), RetryConfig({}, "", "30000s"));
  auto pending = patient.GetUserAsync(AskFor("u-1"));
  auto blocking = std::async(std::launch::async, [&] { return patient.GetUser(AskFor("u-1")).status(); });
  ASSERT_TRUE(server_->AwaitAttempts("GetUser", 2));

  EXPECT_FALSE(patient.Shutdown(1ms));

  EXPECT_EQ(std::move(pending).Get().status().code(), StatusCode::kCancelled);
  EXPECT_EQ(blocking.get().code(), StatusCode::kCancelled);
}

TEST_F(ShutdownTest, MayBeCalledTwiceAndByManyThreads) {
  std::vector<std::jthread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int calls = 0; calls < 50; ++calls) static_cast<void>(client_->GetUser(AskFor("u-1")));
      client_->Shutdown(30s);
    });
  }
  threads.clear();

  EXPECT_TRUE(client_->Shutdown(1ms));
}

/// Answers once it is told to: when the callback is there, which the thread of the test would run otherwise.
class PatientServer {
 public:
  std::string address() const { return service_.address(); }
  void Answer() const { told_.Notify(); }

 private:
  mutable absl::Notification told_;
  const ScriptedService service_{[this](grpc::ServerContext&, const auto&, auto&) {
    told_.WaitForNotification();
    return grpc::Status::OK;
  }};
};

/// What the application is busy with when the client is shut down, and for a little longer.
void StayUntilShutdownHasBegun(const UserClient& client) {
  // Refused either way, so that nothing is sent.
  const auto probe = [&] { return client.GetUserAsync(AskFor("u-1"), {.timeout = 0ns}).Get().status(); };
  while (RejectionOf(probe()) != Rejection::kShutdown) std::this_thread::yield();
  // Long enough for a Shutdown that does not wait to be seen.
  std::this_thread::sleep_for(20ms);
}

TEST_F(ShutdownTest, ReturnsWhenTheApplicationHasBeenCalledBack) {
  std::promise<void> called;
  std::atomic<bool> over = false;
  const PatientServer server;
  const UserClient client = ConnectTo(server.address());
  client.GetUserAsync(AskFor("u-1")).Then([&](const absl::StatusOr<user::v1::GetUserResponse>&) {
    called.set_value();
    StayUntilShutdownHasBegun(client);
    over = true;
  });
  server.Answer();
  called.get_future().wait();

  EXPECT_TRUE(client.Shutdown(30s)) << "the call has ended: nothing was cancelled";

  EXPECT_TRUE(over);
}

TEST_F(ShutdownTest, ReturnsWhenFallbacksAreDone) {
  std::promise<void> called;
  std::atomic<bool> over = false;
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kInternal)});
  const auto fallback = [&, client = *client_](const absl::Status&, google::protobuf::MessageLite&) {
    called.set_value();
    StayUntilShutdownHasBegun(client);
    over = true;
    return true;
  };
  // Not on this thread, which may find itself handling the end of the attempt.
  const auto calling = std::async(std::launch::async, [&] { client_->GetUserAsync(AskFor("u-1"), {.fallback = fallback}); });
  called.get_future().wait();

  EXPECT_TRUE(client_->Shutdown(0ms));

  EXPECT_TRUE(over);
}

TEST_F(ShutdownTest, DoesNotWaitForTheCallbackThatItIsCalledInOnAThreadOfTheApplication) {
  const UserClient reader = ConnectTo(server_->address());
  std::optional<bool> by_stream;
  {
    server_->ScriptRepeatedly("StreamActivity", {Hang()});
    MessageStream<user::v1::ActivityEvent> stream = reader.StreamActivity({});
    stream.NextAsync().Then([&](const auto&) { by_stream = reader.Shutdown(30s); });
    // Dropped while somebody waits for a message: he is told on this thread.
  }
  std::optional<bool> by_fallback;
  // With the circuit breakers of the config that is built in.
  const absl::StatusOr<UserClient> refusing =
      UserClient::Create({.target = server_->address(), .credentials = Credentials::Insecure()});
  ASSERT_TRUE(refusing.ok()) << refusing.status();
  ASSERT_TRUE(refusing->OverrideCircuit("reads", CircuitOverride::kOpen).ok());
  const auto fallback = [&](const absl::Status&, google::protobuf::MessageLite&) {
    by_fallback = refusing->Shutdown(30s);
    return true;
  };

  EXPECT_TRUE(refusing->GetUserAsync(AskFor("u-1"), {.fallback = fallback}).Get().ok());

  EXPECT_EQ(by_stream, false);
  EXPECT_EQ(by_fallback, false);
}

TEST_F(ShutdownTest, InACallbackItCancelsAndDoesNotWait) {
  std::promise<bool> drained;
  const PatientServer server;
  const UserClient client = ConnectTo(server.address());

  client.GetUserAsync(AskFor("u-1")).Then([&](const auto&) { drained.set_value(client.Shutdown(30s)); });
  server.Answer();

  EXPECT_FALSE(drained.get_future().get());
  EXPECT_EQ(RejectionOf(client.GetUser(AskFor("u-1")).status()), Rejection::kShutdown);
}

TEST_F(ShutdownTest, WaitReadyConnectsBeforeTheFirstCall) { EXPECT_TRUE(client_->WaitReady(30s)); }

TEST_F(ShutdownTest, WaitReadyGivesUpWhenNobodyListens) {
  const UserClient client = ConnectTo("127.0.0.1:1");

  EXPECT_FALSE(client.WaitReady(20ms));
}

/// Clients that come and go with calls in flight. A run of the whole suite under AddressSanitizer makes 10,000 of them.
int ClientsToMake() {
  const char* const number = std::getenv("USERCLIENT_TEST_CLIENTS");
  return number == nullptr ? 500 : std::atoi(number);
}

class ClientLifeTest : public ::testing::TestWithParam<int> {};

// Each shard is a test of its own, so that they run side by side, and none for long.
TEST_P(ClientLifeTest, ManyClientsComeAndGoWithCallsInFlight) {
  absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 1});
  ASSERT_TRUE(server.ok()) << server.status();
  server->ScriptRepeatedly("GetUser", {Ok(), Hang(), Delay(1ms)});
  const int clients = ClientsToMake() / 10;
  ASSERT_GT(clients, 0);
  std::atomic<int> ended = 0;

  for (int i = 0; i < clients; ++i) {
    const UserClient client = ConnectTo(server->address());
    client.GetUserAsync(AskFor("u-1"), {.timeout = 500ms}).Then([&](const auto&) { ++ended; });
    client.GetUserAsync(AskFor("u-1"), {.timeout = 500ms}).Then([&](const auto&) { ++ended; });
    // In turn: cancelled, waited for, or left to themselves when the last handle goes.
    if (i % 3 == 0) client.Shutdown(0ms);
    if (i % 3 == 1) client.Shutdown(5ms);
  }
  while (ended < 2 * clients) std::this_thread::sleep_for(1ms);

  EXPECT_EQ(ended, 2 * clients) << "every call ends, and once";
}

INSTANTIATE_TEST_SUITE_P(Shards, ClientLifeTest, ::testing::Range(0, 10));

}  // namespace
}  // namespace userclient::testing
