// How a UserServer goes down.
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/empty_user_store.h"
#include "tests/server/plain_client.h"
#include "tests/server/status_matchers.h"
#include "userclient/server/user_server.h"

namespace userclient {
namespace {

using namespace std::chrono_literals;
using ::testing::AnyOf;
using testing::FailedWith;
using testing::IsError;
using testing::IsOk;
using testing::PlainClient;
using testing::Succeeded;

/// Its reads wait until they are let go.
class WaitingStore final : public testing::EmptyUserStore {
 public:
  absl::StatusOr<user::v1::User> Get(std::string_view) override {
    entered.Notify();
    let_go.WaitForNotification();
    return user::v1::User();
  }
  bool MayBlock() const override { return true; }

  absl::Notification entered;
  absl::Notification let_go;
};

/// Follows the health of a server as a stream.
class HealthWatch final : public grpc::ClientBidiReactor<v1::HealthCheckRequest, v1::HealthCheckResponse> {
 public:
  explicit HealthWatch(PlainClient& client) : stub_(client.channel()) {
    stub_.PrepareBidiStreamingCall(&context_, "/grpc.health.v1.Health/Watch", grpc::StubOptions(), this);
    StartWriteLast(&request_, grpc::WriteOptions());
    StartRead(&response_);
    StartCall();
  }
  ~HealthWatch() override {
    context_.TryCancel();
    done_.WaitForNotification();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    {
      absl::MutexLock lock(&mutex_);
      last_ = response_.status();
    }
    StartRead(&response_);
  }
  void OnDone(const grpc::Status&) override { done_.Notify(); }

  bool Await(v1::HealthCheckResponse::ServingStatus wanted) {
    const auto reached = [this, wanted]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return last_ == wanted; };
    absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(&reached), absl::Seconds(30));
  }

 private:
  grpc::TemplatedGenericStub<v1::HealthCheckRequest, v1::HealthCheckResponse> stub_;
  grpc::ClientContext context_;
  v1::HealthCheckRequest request_;
  v1::HealthCheckResponse response_;
  absl::Notification done_;
  absl::Mutex mutex_;
  v1::HealthCheckResponse::ServingStatus last_ ABSL_GUARDED_BY(mutex_) = v1::HealthCheckResponse::SERVING_STATUS_UNSPECIFIED;
};

TEST(DrainTest, CallInFlightIsAnswered) {
  auto store = std::make_shared<WaitingStore>();
  auto server = UserServer::Start({.store = store, .drain_notice = 0ms}).value();
  PlainClient client(server->address());
  testing::Outcome<user::v1::GetUserResponse> outcome;
  std::thread caller([&] { outcome = client.GetUser("u-1"); });
  store->entered.WaitForNotification();

  absl::Status drained;
  std::thread drainer([&] { drained = server->Shutdown(30s); });
  // The port is closed while the call is still running.
  while (!PlainClient(server->address()).GetUser("").status.error_message().starts_with("failed to connect"))
    std::this_thread::yield();
  store->let_go.Notify();
  caller.join();
  drainer.join();

  EXPECT_THAT(outcome, Succeeded());
  EXPECT_THAT(drained, IsOk());
}

TEST(DrainTest, LimitCutsOffWhatHangs) {
  auto faults = std::make_shared<FaultInjector>();
  ASSERT_THAT(faults->Set(R"({"faults": [{"method": "GetUser", "hang": true}]})"), IsOk());
  absl::Notification arrived;
  auto server =
      UserServer::Start({.faults = faults, .on_attempt = [&](const ReceivedAttempt&) { arrived.Notify(); }, .drain_notice = 0ms})
          .value();
  PlainClient client(server->address());
  testing::Outcome<user::v1::GetUserResponse> outcome;
  std::thread caller([&] { outcome = client.GetUser("u-1"); });
  arrived.WaitForNotification();
  const auto started = std::chrono::steady_clock::now();

  const absl::Status drained = server->Shutdown(100ms);
  const auto took = std::chrono::steady_clock::now() - started;
  caller.join();

  EXPECT_THAT(drained, IsError(absl::StatusCode::kDeadlineExceeded, "the drain limit is over: 1 call was cut off"));
  EXPECT_GE(took, 100ms);
  EXPECT_LT(took, 10s);
  EXPECT_THAT(outcome, AnyOf(FailedWith(grpc::StatusCode::CANCELLED), FailedWith(grpc::StatusCode::UNAVAILABLE)));
  EXPECT_EQ(server->counters("GetUser").ended, (std::map<absl::StatusCode, int64_t>{{absl::StatusCode::kCancelled, 1}}));
}

TEST(DrainTest, DelayedAnswerThatFitsIntoTheLimitIsSent) {
  auto faults = std::make_shared<FaultInjector>();
  ASSERT_THAT(faults->Set(R"({"faults": [{"method": "GetUser", "delay": "0.2s"}]})"), IsOk());
  absl::Notification arrived;
  auto server = UserServer::Start({.seed_users = 1,
                                   .faults = faults,
                                   .on_attempt = [&](const ReceivedAttempt&) { arrived.Notify(); },
                                   .drain_notice = 0ms})
                    .value();
  PlainClient client(server->address());
  testing::Outcome<user::v1::GetUserResponse> outcome;
  std::thread caller([&] { outcome = client.GetUser("u-1"); });
  arrived.WaitForNotification();

  EXPECT_THAT(server->Shutdown(30s), IsOk());
  caller.join();

  EXPECT_THAT(outcome, Succeeded());
}

TEST(DrainTest, HealthTurnsFirstAndCallsAreStillTaken) {
  auto server = UserServer::Start({.seed_users = 1, .drain_notice = 5s}).value();
  PlainClient client(server->address());
  HealthWatch watch(client);
  ASSERT_TRUE(watch.Await(v1::HealthCheckResponse::SERVING_STATUS_SERVING));
  std::thread drainer([&] { EXPECT_THAT(server->Shutdown(30s), IsOk()); });

  const bool turned = watch.Await(v1::HealthCheckResponse::SERVING_STATUS_NOT_SERVING);
  const std::string service_health = client.Health("user.v1.UserService");
  const auto outcome = client.GetUser("u-1");
  drainer.join();

  EXPECT_TRUE(turned);
  EXPECT_EQ(service_health, "NOT_SERVING");
  EXPECT_THAT(outcome, Succeeded());
}

TEST(DrainTest, OpenHealthWatchDoesNotHoldItUp) {
  auto server = UserServer::Start({.drain_notice = 0ms}).value();
  PlainClient client(server->address());
  HealthWatch watch(client);
  ASSERT_TRUE(watch.Await(v1::HealthCheckResponse::SERVING_STATUS_SERVING));
  const auto started = std::chrono::steady_clock::now();

  EXPECT_THAT(server->Shutdown(60s), IsOk());

  EXPECT_LT(std::chrono::steady_clock::now() - started, 30s);
}

TEST(DrainTest, ZeroStopsAtOnceWhateverTheNotice) {
  auto server = UserServer::Start({.drain_notice = 1h}).value();

  EXPECT_THAT(server->Shutdown(0s), IsOk());
}

TEST(DrainTest, SecondShutdownReturnsTheResultOfTheFirst) {
  auto faults = std::make_shared<FaultInjector>();
  ASSERT_THAT(faults->Script("GetUser", {{.hang = true}}), IsOk());
  absl::Notification arrived;
  auto server =
      UserServer::Start({.faults = faults, .on_attempt = [&](const ReceivedAttempt&) { arrived.Notify(); }, .drain_notice = 0ms})
          .value();
  PlainClient client(server->address());
  std::thread caller([&] { client.GetUser("u-1"); });
  arrived.WaitForNotification();

  const absl::Status first = server->Shutdown(0s);
  const absl::Status second = server->Shutdown(30s);
  caller.join();

  EXPECT_THAT(first, testing::HasCode(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(second, first);
}

TEST(DrainTest, PortIsFreeAfterwards) {
  auto first = UserServer::Start({.drain_notice = 0ms}).value();
  ASSERT_THAT(first->Shutdown(1s), IsOk());

  EXPECT_THAT(UserServer::Start({.listen_address = first->address()}), IsOk());
}

TEST(DrainTest, WatchThatComesWhileAnotherCallIsInFlightDoesNotHoldItUpEither) {
  auto store = std::make_shared<WaitingStore>();
  auto server = UserServer::Start({.store = store, .drain_notice = 0ms}).value();
  PlainClient client(server->address());
  std::thread caller([&] { EXPECT_THAT(client.GetUser("u-1"), Succeeded()); });
  store->entered.WaitForNotification();
  const auto started = std::chrono::steady_clock::now();
  std::thread drainer([&] { EXPECT_THAT(server->Shutdown(60s), IsOk()); });

  HealthWatch watch(client);
  while (!PlainClient(server->address()).GetUser("").status.error_message().starts_with("failed to connect"))
    std::this_thread::yield();
  store->let_go.Notify();
  caller.join();
  drainer.join();

  EXPECT_LT(std::chrono::steady_clock::now() - started, 30s);
}

// Without the notice some of these calls would end as CANCELLED: those that arrive while the server closes.
TEST(DrainTest, ClientThatWatchesTheHealthLosesNoCall) {
  auto staying = UserServer::Start({.seed_users = 1, .name = "staying"}).value();
  auto leaving =
      UserServer::Start({.listen_address = "127.0.0.2:0", .seed_users = 1, .name = "leaving", .drain_notice = 3s}).value();
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetServiceConfigJSON(
      R"({"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": "user.v1.UserService"}})");
  auto channel = grpc::CreateCustomChannel("ipv4:" + staying->address() + "," + leaving->address(),
                                           grpc::InsecureChannelCredentials(), arguments);
  auto stub = user::v1::UserService::NewStub(channel);
  ASSERT_TRUE(channel->WaitForConnected(std::chrono::system_clock::now() + 30s));
  std::atomic<bool> over{false};
  std::atomic<int> succeeded{0};
  absl::Mutex mutex;
  std::vector<std::string> failures;
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      user::v1::GetUserRequest request;
      request.set_user_id("u-1");
      while (!over) {
        grpc::ClientContext context;
        context.set_deadline(std::chrono::system_clock::now() + 30s);
        user::v1::GetUserResponse response;
        const grpc::Status status = stub->GetUser(&context, request, &response);
        if (status.ok()) {
          ++succeeded;
        } else {
          absl::MutexLock lock(&mutex);
          failures.push_back(std::to_string(status.error_code()) + " " + status.error_message());
        }
      }
    });
  }
  while (leaving->counters("GetUser").attempts < 1000) std::this_thread::yield();

  EXPECT_THAT(leaving->Shutdown(30s), IsOk());
  const int at_end = succeeded;
  while (succeeded < at_end + 100) std::this_thread::yield();
  over = true;
  for (std::thread& caller : callers) caller.join();

  EXPECT_THAT(failures, ::testing::IsEmpty());
}

}  // namespace
}  // namespace userclient
