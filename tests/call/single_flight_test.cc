// singleFlight: of the calls that ask the same at the same time, one is sent.

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/scripted_service.h"
#include "tests/support/test_client.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;
using user::v1::GetUserRequest;
using user::v1::GetUserResponse;
using user::v1::UserService;
using namespace std::chrono_literals;

using Answer = absl::StatusOr<GetUserResponse>;

std::string SingleFlightConfig(const std::string& bulkhead = {}, const std::string& policy = {},
                               const std::string& timeout = "30s") {
  return absl::StrCat(
      R"({"methodConfig": [{"name": [{"service": "user.v1.UserService", "method": "GetUser"}], "timeout": ")", timeout, "\"",
      policy, R"(}], "userclient": {)",
      bulkhead.empty() ? "" : R"("bulkheads": [{"name": "reads", "methods": [{"service": "user.v1.UserService"}], )", bulkhead,
      bulkhead.empty() ? "" : "}], ",
      R"("methods": [{"name": [{"service": "user.v1.UserService", "method": "GetUser"}], "singleFlight": true}]}})");
}

/// Answers nobody before it is told to, and tells when a call has been cancelled.
class GatedService {
 public:
  std::string address() const { return service_.address(); }
  int attempts() const { return service_.attempts(); }

  void Open() { open_ = true; }
  /// Every answer is this status, from the next one on.
  void Break(grpc::StatusCode code) { code_ = code; }

  bool AwaitAttempts(int count) const {
    return Await([&] { return attempts() >= count; });
  }
  bool AwaitCancellations(int count) const {
    return Await([&] { return cancelled_ >= count; });
  }

  static bool Await(const std::function<bool()>& condition) {
    const auto give_up = std::chrono::steady_clock::now() + 30s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      std::this_thread::yield();
    }
    return true;
  }

 private:
  grpc::Status Answer(grpc::ServerContext& context, const GetUserRequest& request, GetUserResponse& response) {
    EXPECT_TRUE(Await([&] { return open_ || context.IsCancelled(); }));
    if (context.IsCancelled()) ++cancelled_;
    context.AddTrailingMetadata("x-served", "yes");
    response.set_user_id(request.user_id());
    const grpc::StatusCode code = code_;
    return code == grpc::StatusCode::OK ? grpc::Status::OK : grpc::Status(code, "told to fail");
  }

  std::atomic<bool> open_ = false;
  std::atomic<grpc::StatusCode> code_ = grpc::StatusCode::OK;
  std::atomic<int> cancelled_ = 0;
  ScriptedService service_{[this](grpc::ServerContext& context, const GetUserRequest& request, GetUserResponse& response) {
    return Answer(context, request, response);
  }};
};

class SingleFlightTest : public ::testing::Test {
 protected:
  void SetUp() override { Connect(SingleFlightConfig()); }

  void Connect(const std::string& config) { client_.emplace(ConnectTo(server_.address(), config)); }

  PendingCall<GetUserResponse> Start(const CallOptions& options = {}, const std::string& id = "u-1") {
    return client_->GetUserAsync(AskFor(id), options);
  }

  static StatusCode CodeOf(PendingCall<GetUserResponse>&& call) { return std::move(call).Get().status().code(); }

  GatedService server_;
  std::optional<UserClient> client_;
};

TEST_F(SingleFlightTest, TheSameRequestIsSentOnce) {
  std::vector<PendingCall<GetUserResponse>> calls;
  for (int i = 0; i < 10; ++i) calls.push_back(Start());

  server_.Open();

  for (PendingCall<GetUserResponse>& call : calls) {
    const Answer user = std::move(call).Get();
    ASSERT_TRUE(user.ok()) << user.status();
    EXPECT_EQ(user->user_id(), "u-1");
  }
  EXPECT_EQ(server_.attempts(), 1);
}

TEST_F(SingleFlightTest, ThoseWhoWaitAreTheCallsInFlight) {
  auto leader = Start();
  ASSERT_TRUE(server_.AwaitAttempts(1));
  EXPECT_EQ(client_->Snapshot().calls_in_flight, 1);
  auto follower = Start();
  EXPECT_EQ(client_->Snapshot().calls_in_flight, 2);

  server_.Open();

  EXPECT_EQ(CodeOf(std::move(leader)), StatusCode::kOk);
  EXPECT_EQ(CodeOf(std::move(follower)), StatusCode::kOk);
  EXPECT_TRUE(client_->Shutdown(30s));
  EXPECT_EQ(client_->Snapshot().calls_in_flight, 0);
}

TEST_F(SingleFlightTest, TheReportTellsWhoShared) {
  CallReport first;
  CallReport second;
  auto leader = Start({.report = &first});
  auto follower = Start({.timeout = 40s, .report = &second});

  server_.Open();

  EXPECT_EQ(CodeOf(std::move(leader)), StatusCode::kOk);
  EXPECT_EQ(CodeOf(std::move(follower)), StatusCode::kOk);
  EXPECT_EQ(first.source, AnswerSource::kServer);
  EXPECT_EQ(first.attempts.size(), 1u);
  EXPECT_EQ(second.source, AnswerSource::kShared);
  EXPECT_EQ(second.budget, 40s);
  ASSERT_EQ(second.attempts.size(), 1u);
  EXPECT_LT(second.attempts[0].started, first.attempts[0].started);
  EXPECT_THAT(Explain(second), HasSubstr("\n  shared with another call that asked the same"));
}

TEST_F(SingleFlightTest, WhoeverAskedGetsTheMetadata) {
  ResponseMetadata metadata;
  auto leader = Start();
  auto follower = Start({.response_metadata = &metadata});

  server_.Open();

  EXPECT_EQ(CodeOf(std::move(follower)), StatusCode::kOk);
  EXPECT_EQ(CodeOf(std::move(leader)), StatusCode::kOk);
  EXPECT_THAT(metadata.trailing, Contains(Pair("x-served", "yes")));
}

TEST_F(SingleFlightTest, DifferentRequestsAndCallersShareNothing) {
  auto ada = Start({.metadata = {{"authorization", "Bearer ada"}}});
  auto eve = Start({.metadata = {{"authorization", "Bearer eve"}}});
  auto other = Start({.metadata = {{"authorization", "Bearer ada"}}}, "u-2");

  EXPECT_TRUE(server_.AwaitAttempts(3));
  server_.Open();

  EXPECT_EQ(CodeOf(std::move(ada)), StatusCode::kOk);
  EXPECT_EQ(CodeOf(std::move(eve)), StatusCode::kOk);
  EXPECT_EQ(std::move(other).Get()->user_id(), "u-2");
}

TEST_F(SingleFlightTest, WhatHasEndedIsNotShared) {
  server_.Open();

  EXPECT_EQ(CodeOf(Start()), StatusCode::kOk);
  EXPECT_EQ(CodeOf(Start()), StatusCode::kOk);

  EXPECT_EQ(server_.attempts(), 2);
}

TEST_F(SingleFlightTest, AnEarlierDeadlineOfAFollowerIsItsOwn) {
  CallReport report;
  auto leader = Start();
  auto follower = Start({.timeout = 30ms, .report = &report});

  const absl::Status late = std::move(follower).Get().status();
  server_.Open();

  EXPECT_EQ(late.code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(RejectionOf(late), std::nullopt);
  EXPECT_EQ(report.end, CallEnd::kDeadline);
  EXPECT_GE(report.duration, 30ms);
  EXPECT_EQ(CodeOf(std::move(leader)), StatusCode::kOk);
  EXPECT_EQ(server_.attempts(), 1);
}

TEST_F(SingleFlightTest, AnEarlierDeadlineOfTheFirstIsItsOwnToo) {
  // Long enough for the other to join it.
  auto leader = Start({.timeout = 2s});
  auto follower = Start();

  EXPECT_EQ(CodeOf(std::move(leader)), StatusCode::kDeadlineExceeded);
  server_.Open();

  EXPECT_EQ(CodeOf(std::move(follower)), StatusCode::kOk);
  EXPECT_EQ(server_.attempts(), 1);
}

TEST_F(SingleFlightTest, TheDeadlineOfTheMethodEndsTheFlight) {
  // Long enough for the other to join it.
  Connect(SingleFlightConfig({}, {}, "2s"));
  CallReport first;
  CallReport second;
  auto leader = Start({.report = &first});
  auto follower = Start({.timeout = 1000s, .report = &second});

  EXPECT_EQ(CodeOf(std::move(leader)), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(CodeOf(std::move(follower)), StatusCode::kDeadlineExceeded);

  EXPECT_EQ(first.attempts.size(), 1u) << "the flight ended by itself, and tells what it did";
  EXPECT_EQ(second.attempts.size(), 1u);
}

TEST_F(SingleFlightTest, ALongerDeadlineOfTheFirstIsTheFlights) {
  Connect(SingleFlightConfig({}, {}, "0.05s"));
  auto leader = Start({.timeout = 1000s});
  auto follower = Start();

  EXPECT_EQ(CodeOf(std::move(follower)), StatusCode::kDeadlineExceeded);
  server_.Open();

  EXPECT_EQ(CodeOf(std::move(leader)), StatusCode::kOk);
}

TEST_F(SingleFlightTest, CancellingTheFirstCancelsNobodyElse) {
  auto leader = Start();
  auto follower = Start();

  leader.Cancel();
  EXPECT_EQ(CodeOf(std::move(leader)), StatusCode::kCancelled);
  auto later = Start();
  server_.Open();

  EXPECT_EQ(CodeOf(std::move(follower)), StatusCode::kOk);
  EXPECT_EQ(CodeOf(std::move(later)), StatusCode::kOk);
  EXPECT_EQ(server_.attempts(), 1);
}

TEST_F(SingleFlightTest, AFollowerIsCancelledAlone) {
  std::stop_source stop;
  CallReport report;
  auto leader = Start();
  auto follower = Start({.stop = stop.get_token(), .report = &report});

  stop.request_stop();
  EXPECT_EQ(CodeOf(std::move(follower)), StatusCode::kCancelled);
  server_.Open();

  EXPECT_EQ(report.end, CallEnd::kCancelled);
  EXPECT_EQ(CodeOf(std::move(leader)), StatusCode::kOk);
}

TEST_F(SingleFlightTest, AFlightForWhichNobodyWaitsIsCancelled) {
  auto leader = Start();
  auto follower = Start();
  ASSERT_TRUE(server_.AwaitAttempts(1));

  leader.Cancel();
  follower.Cancel();
  EXPECT_TRUE(server_.AwaitCancellations(1));
  auto later = Start();
  server_.Open();

  EXPECT_EQ(CodeOf(std::move(leader)), StatusCode::kCancelled);
  EXPECT_EQ(CodeOf(std::move(follower)), StatusCode::kCancelled);
  EXPECT_EQ(CodeOf(std::move(later)), StatusCode::kOk) << "it joins no flight that is given up";
  EXPECT_EQ(server_.attempts(), 2);
}

TEST_F(SingleFlightTest, ACallThatIsCancelledBeforeItBeginsSendsNothing) {
  std::stop_source stop;
  stop.request_stop();

  EXPECT_EQ(CodeOf(Start({.stop = stop.get_token()})), StatusCode::kCancelled);
  EXPECT_EQ(server_.attempts(), 0);
}

TEST_F(SingleFlightTest, ADeadlineThatIsTooShortIsRefused) {
  const absl::Status status = Start({.timeout = 1us}).Get().status();

  EXPECT_EQ(RejectionOf(status), Rejection::kDeadlineTooShort);
  EXPECT_EQ(server_.attempts(), 0);
}

TEST_F(SingleFlightTest, UnusableMetadataIsRefused) {
  EXPECT_EQ(CodeOf(Start({.metadata = {{"Upper", "case"}}})), StatusCode::kInvalidArgument);
  EXPECT_EQ(server_.attempts(), 0);
}

TEST_F(SingleFlightTest, TheCancellationOfTheParentIsSeen) {
  auto leader = Start();
  std::promise<absl::Status> returned;
  ScriptedService middle([&](grpc::ServerContext& context, const GetUserRequest& request, GetUserResponse&) {
    returned.set_value(client_->GetUser(request, {.parent = &context}).status());
    return grpc::Status::OK;
  });
  const auto stub = UserService::NewStub(grpc::CreateChannel(middle.address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  auto call = std::async(std::launch::async, [&] {
    GetUserResponse user;
    return stub->GetUser(&context, AskFor("u-1"), &user);
  });
  ASSERT_TRUE(GatedService::Await([&] { return middle.attempts() == 1; }));

  context.TryCancel();

  EXPECT_EQ(returned.get_future().get().code(), StatusCode::kCancelled);
  EXPECT_FALSE(call.get().ok());
  server_.Open();
  EXPECT_EQ(CodeOf(std::move(leader)), StatusCode::kOk);
  EXPECT_EQ(server_.attempts(), 1);
}

TEST_F(SingleFlightTest, ARefusedFlightRefusesAllWhoWait) {
  Connect(SingleFlightConfig(R"("maxConcurrentCalls": 1, "maxWait": "2s")"));
  auto occupant = Start({}, "occupant");
  ASSERT_TRUE(server_.AwaitAttempts(1));
  CallReport report;

  auto leader = Start();
  auto follower = Start({.report = &report});
  const absl::Status first = std::move(leader).Get().status();
  const absl::Status second = std::move(follower).Get().status();

  EXPECT_EQ(RejectionOf(first), Rejection::kBulkheadFull);
  EXPECT_EQ(RejectionOf(second), Rejection::kBulkheadFull);
  EXPECT_EQ(report.end, CallEnd::kRejected);
  EXPECT_EQ(report.source, AnswerSource::kShared);
  EXPECT_EQ(ReportOf(second)->source, AnswerSource::kShared);
  EXPECT_EQ(server_.attempts(), 1);
  server_.Open();
  EXPECT_EQ(CodeOf(std::move(occupant)), StatusCode::kOk);
}

TEST_F(SingleFlightTest, AFailureIsCountedOnce) {
  Connect(SingleFlightConfig(
      R"("circuitBreaker": {"minimumCalls": 2, "failureRatio": 1, "openDuration": "1000s", "maxOpenDuration": "1000s"})"));
  server_.Break(grpc::StatusCode::UNAVAILABLE);
  std::vector<PendingCall<GetUserResponse>> calls;
  for (int i = 0; i < 10; ++i) calls.push_back(Start());

  server_.Open();
  for (auto& call : calls) EXPECT_EQ(CodeOf(std::move(call)), StatusCode::kUnavailable);

  EXPECT_EQ(RejectionOf(Start().Get().status()), std::nullopt) << "ten callers, but one failure";
  EXPECT_EQ(RejectionOf(Start().Get().status()), Rejection::kCircuitOpen) << "the second one opens it";
}

TEST_F(SingleFlightTest, EachHasItsOwnFallback) {
  GetUserResponse nobody;
  nobody.set_user_id("nobody");
  CallReport report;
  auto leader = Start({.timeout = 30ms, .report = &report, .fallback = FallbackTo(nobody)});
  auto follower = Start();

  const Answer stood_in_for = std::move(leader).Get();
  server_.Open();
  const Answer answered = std::move(follower).Get();

  ASSERT_TRUE(stood_in_for.ok()) << stood_in_for.status();
  EXPECT_EQ(stood_in_for->user_id(), "nobody");
  EXPECT_EQ(report.source, AnswerSource::kFallback);
  EXPECT_EQ(report.code, StatusCode::kDeadlineExceeded);
  ASSERT_TRUE(answered.ok()) << answered.status();
  EXPECT_EQ(answered->user_id(), "u-1");
}

TEST_F(SingleFlightTest, RetriesGoOnWhenTheFirstHasLeft) {
  Connect(SingleFlightConfig({}, ", " + RetryPolicyJson({.max_attempts = 10, .initial_backoff = "0.5s", .max_backoff = "2s"})));
  server_.Break(grpc::StatusCode::UNAVAILABLE);
  server_.Open();
  auto leader = Start();
  auto follower = Start();
  ASSERT_TRUE(server_.AwaitAttempts(1));

  leader.Cancel();
  server_.Break(grpc::StatusCode::OK);

  EXPECT_EQ(CodeOf(std::move(follower)), StatusCode::kOk);
  std::move(leader).Get().IgnoreError();
}

TEST_F(SingleFlightTest, ShutdownEndsAllWhoWait) {
  auto leader = Start();
  auto follower = Start();

  EXPECT_FALSE(client_->Shutdown(1ms));

  EXPECT_EQ(CodeOf(std::move(leader)), StatusCode::kCancelled);
  EXPECT_EQ(CodeOf(std::move(follower)), StatusCode::kCancelled);
  EXPECT_EQ(RejectionOf(Start().Get().status()), Rejection::kShutdown);
}

TEST_F(SingleFlightTest, ABlockingCallSharesToo) {
  auto leader = Start();
  ASSERT_TRUE(server_.AwaitAttempts(1));

  EXPECT_EQ(client_->GetUser(AskFor("u-1"), {.timeout = 30ms}).status().code(), StatusCode::kDeadlineExceeded);
  server_.Open();

  EXPECT_EQ(CodeOf(std::move(leader)), StatusCode::kOk);
  EXPECT_EQ(server_.attempts(), 1);
  EXPECT_TRUE(client_->GetUser(AskFor("u-1")).ok());
}

TEST_F(SingleFlightTest, ABlockingCallIsRefusedOnAThreadThatMustNotBlock) {
  std::promise<absl::Status> inner;
  auto call = Start();
  std::move(call).Then([&](const Answer&) { inner.set_value(client_->GetUser(AskFor("u-1")).status()); });

  server_.Open();

  EXPECT_EQ(inner.get_future().get().code(), StatusCode::kFailedPrecondition);
}

TEST_F(SingleFlightTest, ACallbackMayAskTheSameAgain) {
  std::promise<Answer> again;
  Start().Then(
      [&](const Answer&) { client_->GetUserAsync(AskFor("u-1")).Then([&](Answer user) { again.set_value(std::move(user)); }); });

  server_.Open();

  EXPECT_TRUE(again.get_future().get().ok());
  EXPECT_EQ(server_.attempts(), 2);
}

TEST_F(SingleFlightTest, TheClientMayGoWhileCallsAreUnderWay) {
  auto leader = Start();
  auto follower = Start({.timeout = 20s});
  client_.reset();

  server_.Open();

  EXPECT_EQ(CodeOf(std::move(leader)), StatusCode::kOk);
  EXPECT_EQ(CodeOf(std::move(follower)), StatusCode::kOk);
}

TEST_F(SingleFlightTest, EveryCallEndsExactlyOnceHoweverTheyComeAndGo) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 300;
  server_.Open();
  std::atomic<int> ended = 0;
  std::vector<std::thread> threads;

  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kCalls; ++i) {
        std::stop_source stop;
        auto call = Start({.timeout = i % 3 == 0 ? 2ms : 20s, .stop = stop.get_token()}, absl::StrCat("u-", i % 2));
        if ((i + thread) % 2 == 0) stop.request_stop();
        if (i % 5 == 0) call.Cancel();
        std::move(call).Then([&](const Answer&) { ++ended; });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  EXPECT_TRUE(GatedService::Await([&] { return ended == kThreads * kCalls; }));
  EXPECT_TRUE(client_->Shutdown(30s));
  EXPECT_EQ(ended, kThreads * kCalls);
}

}  // namespace
}  // namespace userclient::testing
