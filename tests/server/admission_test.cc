// What a server refuses on arrival: calls without a deadline, too many at once, too many a second; and connections that are too
// old.
#include "server/admission.h"

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/rate_limiter.h"
#include "tests/server/plain_client.h"
#include "tests/server/status_matchers.h"
#include "userclient/server/user_server.h"

namespace userclient {
namespace {

using namespace std::chrono_literals;
using internal::Admission;
using internal::RateLimiter;
using testing::FailedWith;
using testing::HasCode;
using ::testing::HasSubstr;
using testing::IsError;
using testing::IsOk;
using testing::PlainClient;
using testing::Succeeded;

constexpr RateLimiter::TimePoint kStart{1000s};

TEST(RateLimiterTest, LetsABurstThroughAndThenTheRate) {
  RateLimiter limiter(/*per_second=*/10, /*burst=*/2);

  EXPECT_EQ(limiter.Take(kStart), std::nullopt);
  EXPECT_EQ(limiter.Take(kStart), std::nullopt);
  EXPECT_EQ(limiter.Take(kStart), 100ms);
  EXPECT_EQ(limiter.Take(kStart + 50ms), 50ms);
  EXPECT_EQ(limiter.Take(kStart + 100ms), std::nullopt);
  EXPECT_EQ(limiter.Take(kStart + 100ms), 100ms);
}

TEST(RateLimiterTest, APauseFillsItUpToTheBurstAndNoFurther) {
  RateLimiter limiter(/*per_second=*/10, /*burst=*/2);
  limiter.Take(kStart);
  limiter.Take(kStart);

  EXPECT_EQ(limiter.Take(kStart + 1h), std::nullopt);
  EXPECT_EQ(limiter.Take(kStart + 1h), std::nullopt);
  EXPECT_EQ(limiter.Take(kStart + 1h), 100ms);
}

TEST(RateLimiterTest, TimesThatComeLateAddNothing) {
  RateLimiter limiter(/*per_second=*/10, /*burst=*/1);
  ASSERT_EQ(limiter.Take(kStart + 1s), std::nullopt);

  EXPECT_EQ(limiter.Take(kStart), 100ms);
  EXPECT_EQ(limiter.Take(kStart + 1s), 100ms);
}

TEST(AdmissionTest, ASeatIsFreeAgainWhenItIsReturned) {
  Admission admission({.max_concurrent_calls = 1}, nullptr);
  {
    const Admission::Decision first = admission.Admit({.now = kStart});
    ASSERT_THAT(first.status, IsOk());
    EXPECT_THAT(admission.Admit({.now = kStart}).status, HasCode(absl::StatusCode::kResourceExhausted));
    EXPECT_THAT(admission.Admit({.now = kStart}).status, HasCode(absl::StatusCode::kResourceExhausted));
  }

  EXPECT_THAT(admission.Admit({.now = kStart}).status, IsOk());
}

TEST(AdmissionTest, ACallBeyondTheRateTakesNoSeat) {
  Admission admission({.rate_limit = RateLimit{.per_second = 0.5, .burst = 1}, .max_concurrent_calls = 1}, nullptr);
  ASSERT_THAT(admission.Admit({.now = kStart}).status, IsOk());

  const Admission::Decision refused = admission.Admit({.now = kStart});

  EXPECT_THAT(refused.status, HasCode(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(refused.pushback, 2000ms);
  EXPECT_THAT(admission.Admit({.now = kStart + 2s}).status, IsOk()) << "with one seat only";
}

TEST(AdmissionTest, ImpossibleLimitsAreNamed) {
  const auto start = [](UserServerOptions options) { return UserServer::Start(std::move(options)).status(); };
  using absl::StatusCode;

  EXPECT_THAT(start({.rate_limit = RateLimit{}}),
              IsError(StatusCode::kInvalidArgument, "rate_limit.per_second: must be at least 0.001"));
  EXPECT_THAT(start({.rate_limit = RateLimit{.per_second = 1, .burst = 0}}),
              IsError(StatusCode::kInvalidArgument, "rate_limit.burst: must be at least 1"));
  EXPECT_THAT(start({.max_concurrent_calls = 0}),
              IsError(StatusCode::kInvalidArgument, "max_concurrent_calls: must be at least 1"));
  EXPECT_THAT(start({.max_concurrent_streams = 0}),
              IsError(StatusCode::kInvalidArgument, "max_concurrent_streams: must be at least 1"));
  EXPECT_THAT(start({.max_connection_age = 0ns}),
              IsError(StatusCode::kInvalidArgument, "max_connection_age: must be more than 0"));
  EXPECT_THAT(start({.max_connection_age_grace = -1ns}),
              IsError(StatusCode::kInvalidArgument, "max_connection_age_grace: must not be negative"));
  EXPECT_THAT(start({.file_check_interval = 0ns}),
              IsError(StatusCode::kInvalidArgument, "file_check_interval: must be more than 0"));
}

grpc::Status GetUserWithoutDeadline(PlainClient& client) {
  grpc::ClientContext context;
  user::v1::GetUserRequest request;
  request.set_user_id("u-1");
  user::v1::GetUserResponse response;
  return client.stub().GetUser(&context, request, &response);
}

TEST(ServerLimitsTest, ACallWithoutADeadlineIsRefusedIfTheServerWantsOne) {
  auto server = UserServer::Start({.seed_users = 1, .require_deadline = true}).value();
  PlainClient client(server->address());

  const grpc::Status refused = GetUserWithoutDeadline(client);

  EXPECT_EQ(refused.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(refused.error_message(), HasSubstr("takes no call without a deadline; set one in the client"));
  EXPECT_THAT(client.GetUser("u-1"), Succeeded()) << "which has one";
}

TEST(ServerLimitsTest, ACallWithoutADeadlineIsTakenOtherwise) {
  auto server = UserServer::Start({.seed_users = 1}).value();
  PlainClient client(server->address());

  EXPECT_TRUE(GetUserWithoutDeadline(client).ok());
}

TEST(ServerLimitsTest, BeyondTheRateTheAnswerSaysWhenToComeBack) {
  auto server = UserServer::Start({.seed_users = 1, .rate_limit = RateLimit{.per_second = 0.001, .burst = 2}}).value();
  PlainClient client(server->address());
  ASSERT_THAT(client.GetUser("u-1"), Succeeded());
  ASSERT_THAT(client.ListUsers(1), Succeeded());

  const auto refused = client.GetUser("u-1");

  EXPECT_THAT(refused, FailedWith(grpc::StatusCode::RESOURCE_EXHAUSTED));
  const int pushback = std::stoi(refused.trailer("grpc-retry-pushback-ms"));
  EXPECT_GT(pushback, 900'000);
  EXPECT_LE(pushback, 1'000'000);
  EXPECT_EQ(client.Health(""), "SERVING") << "health is for those who watch the server";
}

TEST(ServerLimitsTest, BeyondTheCallsInFlightIsRefused) {
  auto server = UserServer::Start({.seed_users = 1, .max_concurrent_calls = 1}).value();
  ASSERT_THAT(server->faults().Script("GetUser", {{.hang = true}}), IsOk());
  PlainClient client(server->address());
  grpc::ClientContext hanging;
  user::v1::GetUserRequest request;
  user::v1::GetUserResponse response;
  absl::Notification ended;
  client.stub().async()->GetUser(&hanging, &request, &response, [&ended](const grpc::Status&) { ended.Notify(); });
  while (server->counters("GetUser").attempts < 1) std::this_thread::yield();

  EXPECT_THAT(client.GetUser("u-1"), FailedWith(grpc::StatusCode::RESOURCE_EXHAUSTED));
  hanging.TryCancel();
  ended.WaitForNotification();
  while (!server->counters("GetUser").ended.contains(absl::StatusCode::kCancelled)) std::this_thread::yield();

  EXPECT_THAT(client.GetUser("u-1"), Succeeded());
}

TEST(ServerLimitsTest, OldConnectionsAreClosedAndNoCallFailsForIt) {
  absl::Mutex mutex;
  std::set<std::string> peers;
  auto server = UserServer::Start({.seed_users = 1,
                                   .max_connection_age = 100ms,
                                   .on_attempt =
                                       [&](const ReceivedAttempt& attempt) {
                                         absl::MutexLock lock(&mutex);
                                         peers.insert(attempt.peer);
                                       }})
                    .value();
  // With gRPC's transparent retries, as every real client has them: a call that meets the GOAWAY has not left yet.
  const auto stub = user::v1::UserService::NewStub(grpc::CreateChannel(server->address(), grpc::InsecureChannelCredentials()));
  user::v1::GetUserRequest request;
  request.set_user_id("u-1");
  const auto connections = [&] {
    absl::MutexLock lock(&mutex);
    return peers.size();
  };

  while (connections() < 3) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + 30s);
    user::v1::GetUserResponse response;
    const grpc::Status status = stub->GetUser(&context, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
}

}  // namespace
}  // namespace userclient
