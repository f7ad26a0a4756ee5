// The faces that hold no thread: callback, PendingCall, coroutine.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <coroutine>
#include <future>
#include <latch>
#include <optional>
#include <stop_token>
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
using user::v1::GetUserResponse;
using namespace std::chrono_literals;

using Answer = absl::StatusOr<GetUserResponse>;

class AsyncCallTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 3});
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));
  }

  UserClient Client(const std::string& config = RetryConfig()) { return ConnectTo(server_->address(), config); }

  std::optional<FlakyUserServer> server_;
};

TEST_F(AsyncCallTest, BringsTheAnswerToWhoeverWaits) {
  PendingCall<GetUserResponse> pending = Client().GetUserAsync(AskFor("u-2"));

  EXPECT_TRUE(pending.Wait(30s));
  const Answer user = std::move(pending).Get();

  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(user->user_id(), "u-2");
}

TEST_F(AsyncCallTest, WaitGivesUpWhenItsTimeIsOver) {
  server_->Script("GetUser", {Hang()});
  PendingCall<GetUserResponse> pending = Client().GetUserAsync(AskFor("u-1"));

  EXPECT_FALSE(pending.Wait(1ms));

  pending.Cancel();
  EXPECT_EQ(std::move(pending).Get().status().code(), StatusCode::kCancelled);
}

TEST_F(AsyncCallTest, CallsBackExactlyOnce) {
  std::atomic<int> calls = 0;
  std::promise<Answer> answer;

  Client().GetUserAsync(AskFor("u-1")).Then([&](Answer user) {
    ++calls;
    answer.set_value(std::move(user));
  });

  EXPECT_TRUE(answer.get_future().get().ok());
  EXPECT_EQ(calls, 1);
}

TEST_F(AsyncCallTest, CallsBackAtOnceWhenTheAnswerIsThere) {
  PendingCall<GetUserResponse> pending = Client().GetUserAsync(AskFor("u-1"));
  ASSERT_TRUE(pending.Wait(30s));
  std::optional<std::thread::id> thread;

  std::move(pending).Then([&](const Answer&) { thread = std::this_thread::get_id(); });

  EXPECT_EQ(thread, std::this_thread::get_id());
}

/// A coroutine that runs by itself and tells its result through a promise. The language chooses these names.
// NOLINTBEGIN(readability-identifier-naming)
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};
// NOLINTEND(readability-identifier-naming)

// NOLINTNEXTLINE(performance-unnecessary-value-param): a coroutine keeps what it is given
Detached FetchTwo(UserClient client, std::promise<std::string>& both) {
  const Answer first = co_await client.GetUserAsync(AskFor("u-1"));
  const Answer second = co_await client.GetUserAsync(AskFor("u-2"));
  both.set_value(first->user_id() + second->user_id());
}

TEST_F(AsyncCallTest, ResumesACoroutine) {
  std::promise<std::string> both;

  FetchTwo(Client(), both);

  EXPECT_EQ(both.get_future().get(), "u-1u-2");
}

TEST_F(AsyncCallTest, RetriesByTheSamePlan) {
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable), Fail(StatusCode::kUnavailable).WithPushback(20ms), Ok()});
  CallReport report;

  const Answer user = Client().GetUserAsync(AskFor("u-1"), {.report = &report}).Get();

  ASSERT_TRUE(user.ok()) << user.status();
  ASSERT_EQ(report.attempts.size(), 3u);
  EXPECT_EQ(report.attempts[1].reason, AttemptReason::kRetry);
  EXPECT_EQ(report.attempts[2].reason, AttemptReason::kPushback);
  EXPECT_GE(report.attempts[2].waited, 20ms);
  EXPECT_EQ(server_->ReceivedAttempts("GetUser")[2].previous_attempts, 2);
}

TEST_F(AsyncCallTest, TellsWhyItEnded) {
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kUnavailable, "down")});

  const Answer user = Client(RetryConfig({.max_attempts = 3})).GetUserAsync(AskFor("u-1")).Get();

  EXPECT_EQ(user.status().message(), "down");
  EXPECT_EQ(ReportOf(user.status())->end, CallEnd::kAttemptsExhausted);
  EXPECT_EQ(ReportOf(user.status())->attempts.size(), 3u);
}

TEST_F(AsyncCallTest, EndsAtItsDeadline) {
  server_->ScriptRepeatedly("GetUser", {Hang()});

  const Answer user = Client().GetUserAsync(AskFor("u-1"), {.timeout = 500ms}).Get();

  EXPECT_EQ(user.status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(ReportOf(user.status())->end, CallEnd::kDeadline);
}

TEST_F(AsyncCallTest, RefusesWhatCannotBe) {
  const Answer too_short = Client().GetUserAsync(AskFor("u-1"), {.timeout = 0ms}).Get();
  const Answer bad_key = Client().GetUserAsync(AskFor("u-1"), {.metadata = {{"Bad Key", "x"}}}).Get();

  EXPECT_EQ(RejectionOf(too_short.status()), Rejection::kDeadlineTooShort);
  EXPECT_EQ(bad_key.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(server_->attempts("GetUser"), 0);
}

TEST_F(AsyncCallTest, IsCancelledDuringAnAttempt) {
  server_->Script("GetUser", {Hang()});
  PendingCall<GetUserResponse> pending = Client().GetUserAsync(AskFor("u-1"));
  ASSERT_TRUE(server_->AwaitAttempts("GetUser", 1));

  pending.Cancel();
  const Answer user = std::move(pending).Get();

  EXPECT_EQ(user.status().code(), StatusCode::kCancelled);
  EXPECT_EQ(ReportOf(user.status())->end, CallEnd::kCancelled);
}

TEST_F(AsyncCallTest, IsCancelledWhileItWaits) {
  server_->ScriptRepeatedly("GetUser", {Fail(StatusCode::kUnavailable).WithPushback(std::chrono::hours(1))});
  PendingCall<GetUserResponse> pending = Client(RetryConfig({}, "", "30000s")).GetUserAsync(AskFor("u-1"));
  ASSERT_TRUE(server_->AwaitAttempts("GetUser", 1));

  pending.Cancel();

  EXPECT_EQ(std::move(pending).Get().status().code(), StatusCode::kCancelled);
  EXPECT_EQ(server_->attempts("GetUser"), 1);
}

TEST_F(AsyncCallTest, IsCancelledByItsStopToken) {
  server_->Script("GetUser", {Hang()});
  std::stop_source stop;
  PendingCall<GetUserResponse> pending = Client().GetUserAsync(AskFor("u-1"), {.stop = stop.get_token()});
  ASSERT_TRUE(server_->AwaitAttempts("GetUser", 1));

  stop.request_stop();

  EXPECT_EQ(std::move(pending).Get().status().code(), StatusCode::kCancelled);
}

TEST_F(AsyncCallTest, SendsNothingWhenItIsCancelledBefore) {
  std::stop_source stop;
  stop.request_stop();

  const Answer user = Client().GetUserAsync(AskFor("u-1"), {.stop = stop.get_token()}).Get();

  EXPECT_EQ(user.status().code(), StatusCode::kCancelled);
  EXPECT_EQ(server_->attempts("GetUser"), 0);
}

TEST_F(AsyncCallTest, CancellingAfterTheEndChangesNothing) {
  PendingCall<GetUserResponse> pending = Client().GetUserAsync(AskFor("u-1"));
  ASSERT_TRUE(pending.Wait(30s));

  pending.Cancel();

  EXPECT_TRUE(std::move(pending).Get().ok());
}

TEST_F(AsyncCallTest, GoesOnUnseenWhenItIsDropped) {
  { Client().GetUserAsync(AskFor("u-1")); }

  EXPECT_TRUE(server_->AwaitAttempts("GetUser", 1));
}

TEST_F(AsyncCallTest, OutlivesItsClient) {
  server_->Script("GetUser", {Delay(50ms)});
  std::optional<UserClient> client = Client();
  PendingCall<GetUserResponse> pending = client->GetUserAsync(AskFor("u-1"));

  client.reset();

  EXPECT_TRUE(std::move(pending).Get().ok());
}

TEST_F(AsyncCallTest, ABlockingCallInACallbackIsRefusedInsteadOfStarvingIt) {
  absl::Notification awaited;
  absl::Notification refused;
  // No answer is there before somebody waits for it: the callback would run on this thread, and the wait be none.
  const ScriptedService server([&](grpc::ServerContext&, const user::v1::GetUserRequest& request, GetUserResponse&) {
    (request.user_id() == "u-1" ? awaited : refused).WaitForNotification();
    return grpc::Status::OK;
  });
  const UserClient client = ConnectTo(server.address());
  std::promise<absl::Status> inner;
  std::promise<absl::Status> waited;

  client.GetUserAsync(AskFor("u-1")).Then([&](const Answer&) {
    inner.set_value(client.GetUser(AskFor("u-2")).status());
    waited.set_value(client.GetUserAsync(AskFor("u-2")).Get().status());
  });
  awaited.Notify();

  EXPECT_EQ(inner.get_future().get().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(waited.get_future().get().code(), StatusCode::kFailedPrecondition);
  refused.Notify();
}

TEST_F(AsyncCallTest, ACallbackMayStartTheNextCall) {
  const UserClient client = Client();
  std::promise<Answer> second;

  client.GetUserAsync(AskFor("u-1")).Then([&](const Answer&) {
    client.GetUserAsync(AskFor("u-2")).Then([&](Answer user) { second.set_value(std::move(user)); });
  });

  EXPECT_EQ(second.get_future().get()->user_id(), "u-2");
}

TEST_F(AsyncCallTest, ThousandsAreInFlightAtOnce) {
  constexpr int kCalls = 3000;
  server_->ScriptRepeatedly("GetUser", {Delay(100ms)});
  const UserClient client = Client();
  std::latch done(kCalls);
  std::atomic<int> succeeded = 0;

  for (int i = 0; i < kCalls; ++i) {
    client.GetUserAsync(AskFor("u-1")).Then([&](const Answer& user) {
      succeeded += user.ok() ? 1 : 0;
      done.count_down();
    });
  }
  done.wait();

  EXPECT_EQ(succeeded, kCalls);
}

TEST_F(AsyncCallTest, ManyThreadsCancelAtRandomAndEveryCallEndsOnce) {
  constexpr int kCallsPerThread = 200;
  server_->ScriptRepeatedly("GetUser", {Ok(), Delay(1ms), Fail(StatusCode::kUnavailable), Hang()});
  const UserClient client = Client(RetryConfig({.max_attempts = 3}));
  std::atomic<int> ended = 0;

  std::vector<std::jthread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kCallsPerThread; ++i) {
        PendingCall<GetUserResponse> pending = client.GetUserAsync(AskFor("u-1"), {.timeout = 200ms});
        pending.Cancel();
        static_cast<void>(std::move(pending).Get());
        ++ended;
      }
    });
  }
  threads.clear();

  EXPECT_EQ(ended, 4 * kCallsPerThread);
}

TEST_F(AsyncCallTest, CreateUserAndListUsersHaveTheSameFaces) {
  const UserClient client = Client();
  user::v1::CreateUserRequest request;
  request.set_email("ada@example.com");

  const auto created = client.CreateUserAsync(request).Get();
  const auto users = client.ListUsersAsync({}).Get();

  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(users->total_count(), 4);
}

TEST(AsyncCallWithoutAnyOtherClientTest, TheClientMayEndOnTheThreadThatBringsTheAnswer) {
  // A server without callbacks: the client is the only one for whom gRPC keeps its threads.
  const ScriptedService server(
      [](grpc::ServerContext&, const user::v1::GetUserRequest&, GetUserResponse&) { return grpc::Status::OK; });

  for (int i = 0; i < 200; ++i) {
    std::optional<UserClient> client(ConnectTo(server.address(), NoRetryConfig()));
    PendingCall<GetUserResponse> pending = client->GetUserAsync(AskFor("u-1"));
    client.reset();
    EXPECT_EQ(std::move(pending).Get().status(), absl::OkStatus());
  }
}

}  // namespace
}  // namespace userclient::testing
