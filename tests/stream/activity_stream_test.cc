// StreamActivity: every event once and in order, whatever happens to the servers.

#include <coroutine>
#include <future>
#include <stop_token>
#include <thread>

#include "tests/stream/stream_fixture.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using user::v1::ActivityEvent;
using namespace std::chrono_literals;
using Ids = std::vector<std::string>;

class ActivityStreamTest : public StreamTest {
 protected:
  /// Takes all that comes.
  static Ids Drain(MessageStream<ActivityEvent>& stream) {
    Ids ids;
    while (const std::optional<ActivityEvent> event = stream.Next()) ids.push_back(event->event_id());
    return ids;
  }

  /// What a healthy server sends.
  Ids Expected() {
    MessageStream<ActivityEvent> stream = client_->StreamActivity(ActivityOf("u-1"));
    Ids ids = Drain(stream);
    EXPECT_EQ(stream.status(), absl::OkStatus());
    EXPECT_EQ(ids.size(), kActivity + 1u) << "the creation and what was seeded";
    EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
    attempts_ = 0;
    return ids;
  }
};

TEST_F(ActivityStreamTest, IsARange) {
  StartServers(1);
  Connect();
  int events = 0;

  for (const ActivityEvent& event : client_->StreamActivity(ActivityOf("u-1"))) {
    EXPECT_FALSE(event.event_id().empty());
    ++events;
  }

  EXPECT_EQ(events, kActivity + 1);
}

TEST_F(ActivityStreamTest, StopsAtTheLimit) {
  StartServers(1);
  Connect();
  const Ids all = Expected();

  MessageStream<ActivityEvent> stream = client_->StreamActivity(ActivityOf("u-1", 7));

  EXPECT_EQ(Drain(stream), Ids(all.begin(), all.begin() + 7));
  EXPECT_EQ(stream.status(), absl::OkStatus());
}

TEST_F(ActivityStreamTest, TheStatusIsTheServers) {
  StartServers(1);
  Connect();

  MessageStream<ActivityEvent> stream = client_->StreamActivity(ActivityOf("nobody"));

  EXPECT_EQ(stream.Next(), std::nullopt);
  EXPECT_EQ(stream.status().code(), StatusCode::kNotFound);
  EXPECT_EQ(attempts_, 1);
}

// Every way in which a stream can break, each several times.
class BrokenActivityTest : public ActivityStreamTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(BrokenActivityTest, EveryEventComesOnceAndInOrder) {
  StartServers(2);
  Connect();
  const Ids all = Expected();
  SetFaults(absl::StrCat(R"({"faults": [{"method": "StreamActivity", "after": 11, "times": 5, )", GetParam(), "}]}"));

  MessageStream<ActivityEvent> stream = client_->StreamActivity(ActivityOf("u-1"), {.timeout = 50s});

  EXPECT_EQ(Drain(stream), all);
  EXPECT_EQ(stream.status(), absl::OkStatus());
  EXPECT_GE(attempts_, 6);
}

INSTANTIATE_TEST_SUITE_P(Ways, BrokenActivityTest,
                         ::testing::Values(R"("status": "UNAVAILABLE")", R"("status": "INTERNAL")",
                                           R"("status": "RESOURCE_EXHAUSTED")", R"("drop": true)", R"("garbage": true)",
                                           R"("throw": true)"));

TEST_F(ActivityStreamTest, ALimitIsKeptAcrossServers) {
  StartServers(1);
  Connect();
  const Ids all = Expected();
  // Cut off after each of the last events too, before the server could say that it was the last.
  SetFaults(R"({"faults": [{"method": "StreamActivity", "after": 1, "drop": true}]})");

  MessageStream<ActivityEvent> stream = client_->StreamActivity(ActivityOf("u-1", 5), {.timeout = 50s});

  EXPECT_EQ(Drain(stream), Ids(all.begin(), all.begin() + 5));
  EXPECT_EQ(stream.status(), absl::OkStatus());
}

TEST_F(ActivityStreamTest, ServersThatDieOneAfterTheOtherAreNotNoticed) {
  StartServers(3);
  Connect();
  const Ids all = Expected();
  SetFaults(R"({"faults": [{"method": "StreamActivity", "slow": "0.003s"}]})");
  MessageStream<ActivityEvent> stream = client_->StreamActivity(ActivityOf("u-1"), {.timeout = 50s});
  Ids ids;

  while (const std::optional<ActivityEvent> event = stream.Next()) {
    ids.push_back(event->event_id());
    if (ids.size() % 40 != 0) continue;
    const int victim = static_cast<int>(ids.size() / 40) % 3;
    Kill(victim);
    Start(victim);
  }

  EXPECT_EQ(ids, all);
  EXPECT_EQ(stream.status(), absl::OkStatus());
}

TEST_F(ActivityStreamTest, AServerThatFailsForGoodIsGivenUp) {
  StartServers(1);
  Connect();
  SetFaults(R"({"faults": [{"method": "StreamActivity", "status": "INTERNAL", "message": "broken"}]})");
  CallReport report;

  MessageStream<ActivityEvent> stream = client_->StreamActivity(ActivityOf("u-1"), {.timeout = 100s, .report = &report});

  EXPECT_EQ(stream.Next(), std::nullopt);
  EXPECT_EQ(stream.status().code(), StatusCode::kInternal);
  EXPECT_EQ(report.end, CallEnd::kAttemptsExhausted);
  EXPECT_EQ(report.attempts.size(), 7u);
  EXPECT_EQ(report.attempts[3].reason, AttemptReason::kResume);
}

TEST_F(ActivityStreamTest, ACancellationWithoutAReasonIsExplained) {
  StartServers(1);
  Connect();
  SetFaults(R"({"faults": [{"method": "StreamActivity", "status": "CANCELLED", "message": ""}]})");

  MessageStream<ActivityEvent> stream = client_->StreamActivity(ActivityOf("u-1"));

  EXPECT_EQ(stream.Next(), std::nullopt);
  EXPECT_EQ(stream.status().code(), StatusCode::kCancelled);
  EXPECT_THAT(stream.status().message(), ::testing::HasSubstr("not by the caller"));
}

TEST_F(ActivityStreamTest, TheDeadlineIsThatOfTheWholeStream) {
  StartServers(1);
  Connect();
  SetFaults(R"({"faults": [{"method": "StreamActivity", "after": 3, "hang": true}]})");
  ASSERT_TRUE(client_->WaitReady(30s));

  MessageStream<ActivityEvent> stream = client_->StreamActivity(ActivityOf("u-1"), {.timeout = 2s});

  EXPECT_EQ(Drain(stream).size(), 3u);
  EXPECT_EQ(stream.status().code(), StatusCode::kDeadlineExceeded);
}

TEST_F(ActivityStreamTest, WhatHasComeIsGivenBeforeTheFailure) {
  StartServers(1);
  Connect();
  SetFaults(R"({"faults": [{"method": "StreamActivity", "after": 5, "status": "PERMISSION_DENIED"}]})");

  MessageStream<ActivityEvent> stream = client_->StreamActivity(ActivityOf("u-1"));

  EXPECT_EQ(Drain(stream).size(), 5u);
  EXPECT_EQ(stream.status().code(), StatusCode::kPermissionDenied);
}

TEST_F(ActivityStreamTest, CancelEndsItAtAnyPoint) {
  StartServers(1);
  Connect();
  SetFaults(R"({"faults": [{"method": "StreamActivity", "after": 5, "hang": true}]})");
  MessageStream<ActivityEvent> stream = client_->StreamActivity(ActivityOf("u-1"));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(stream.Next());

  std::jthread canceller([&] { stream.Cancel(); });

  EXPECT_EQ(stream.Next(), std::nullopt);
  EXPECT_EQ(stream.status().code(), StatusCode::kCancelled);
  EXPECT_TRUE(Eventually([&] { return OpenStreams() == 0; }));
}

TEST_F(ActivityStreamTest, AStopTokenEndsIt) {
  StartServers(1);
  Connect();
  SetFaults(R"({"faults": [{"method": "StreamActivity", "hang": true}]})");
  std::stop_source stop;
  MessageStream<ActivityEvent> stream = client_->StreamActivity(ActivityOf("u-1"), {.stop = stop.get_token()});
  ASSERT_TRUE(Eventually([&] { return attempts_ == 1; }));

  stop.request_stop();

  EXPECT_EQ(stream.Next(), std::nullopt);
  EXPECT_EQ(stream.status().code(), StatusCode::kCancelled);
}

TEST_F(ActivityStreamTest, AbandonedItLeavesNothingBehind) {
  StartServers(1);
  Connect(R"({"methodConfig": [{"name": [{}], "timeout": "30s"}], "userclient": {"bulkheads": [{"name": "streams",
      "methods": [{"service": "user.v1.UserService"}], "maxConcurrentCalls": 1}]}})");
  for (int taken = 0; taken < 40; taken += 3) {
    CallReport report;
    MessageStream<ActivityEvent> stream = client_->StreamActivity(ActivityOf("u-1"), {.report = &report});
    for (int i = 0; i < taken; ++i) ASSERT_TRUE(stream.Next()) << stream.status();
  }

  EXPECT_TRUE(Eventually([&] { return OpenStreams() == 0; }));
  MessageStream<ActivityEvent> stream = client_->StreamActivity(ActivityOf("u-1"));
  EXPECT_EQ(Drain(stream).size(), kActivity + 1u) << "the only seat is free again: " << stream.status();
}

TEST_F(ActivityStreamTest, HoldsItsSeatForLife) {
  StartServers(1);
  Connect(R"({"methodConfig": [{"name": [{}], "timeout": "30s"}], "userclient": {"bulkheads": [{"name": "streams",
      "methods": [{"service": "user.v1.UserService", "method": "StreamActivity"}], "maxConcurrentCalls": 1}]}})");
  SetFaults(R"({"faults": [{"method": "StreamActivity", "after": 1, "hang": true}]})");
  std::optional<MessageStream<ActivityEvent>> first(client_->StreamActivity(ActivityOf("u-1")));
  ASSERT_TRUE(first->Next());

  MessageStream<ActivityEvent> second = client_->StreamActivity(ActivityOf("u-1"));

  EXPECT_EQ(second.Next(), std::nullopt);
  EXPECT_EQ(RejectionOf(second.status()), Rejection::kBulkheadFull);
  first.reset();
  EXPECT_TRUE(Eventually([&] { return client_->StreamActivity(ActivityOf("u-1")).Next().has_value(); }));
}

TEST_F(ActivityStreamTest, EndsAtItsDeadlineAlsoWhileNobodyReads) {
  StartServers(1);
  Connect(R"({"methodConfig": [{"name": [{}], "timeout": "30s"}], "userclient": {"bulkheads": [{"name": "streams",
      "methods": [{"service": "user.v1.UserService"}], "maxConcurrentCalls": 1}]}})");
  ASSERT_TRUE(client_->WaitReady(30s));
  MessageStream<ActivityEvent> paused = client_->StreamActivity(ActivityOf("u-1"), {.timeout = 2s});
  ASSERT_TRUE(paused.Next()) << paused.status();

  EXPECT_TRUE(Eventually([&] { return client_->StreamActivity(ActivityOf("u-1")).Next().has_value(); })) << "its seat is free";

  EXPECT_LT(Drain(paused).size(), static_cast<size_t>(kActivity)) << "what had come already";
  EXPECT_EQ(paused.status().code(), StatusCode::kDeadlineExceeded);
}

TEST_F(ActivityStreamTest, TheBreakerSeesFailuresAndNoLength) {
  StartServers(1);
  Connect(R"({"methodConfig": [{"name": [{}], "timeout": "30s"}], "userclient": {"bulkheads": [{"name": "streams",
      "methods": [{"service": "user.v1.UserService"}],
      "circuitBreaker": {"minimumCalls": 3, "failureRatio": 0.5, "openDuration": "1000s", "maxOpenDuration": "1000s"}}]}})");
  SetFaults(R"({"faults": [{"method": "StreamActivity", "status": "UNAVAILABLE"}]})");

  // Less than the 5 s for which it would wait for the breaker.
  MessageStream<ActivityEvent> stream = client_->StreamActivity(ActivityOf("u-1"), {.timeout = 4s});
  EXPECT_EQ(stream.Next(), std::nullopt);

  EXPECT_EQ(attempts_, 3) << "the third failure opened the circuit";
  MessageStream<ActivityEvent> next = client_->StreamActivity(ActivityOf("u-1"));
  EXPECT_EQ(next.Next(), std::nullopt);
  EXPECT_EQ(RejectionOf(next.status()), Rejection::kCircuitOpen);
}

TEST_F(ActivityStreamTest, AClientThatIsShutDownEndsItsStreams) {
  StartServers(1);
  Connect();
  SetFaults(R"({"faults": [{"method": "StreamActivity", "hang": true}]})");
  MessageStream<ActivityEvent> stream = client_->StreamActivity(ActivityOf("u-1"));
  ASSERT_TRUE(Eventually([&] { return attempts_ == 1; }));

  EXPECT_FALSE(client_->Shutdown(10ms));

  EXPECT_EQ(stream.Next(), std::nullopt);
  EXPECT_EQ(stream.status().code(), StatusCode::kCancelled);
  MessageStream<ActivityEvent> late = client_->StreamActivity(ActivityOf("u-1"));
  EXPECT_EQ(late.Next(), std::nullopt);
  EXPECT_EQ(RejectionOf(late.status()), Rejection::kShutdown);
}

// ---- Without a thread that waits

TEST_F(ActivityStreamTest, MessagesCanBeWaitedForOneByOne) {
  StartServers(1);
  Connect();
  MessageStream<ActivityEvent> stream = client_->StreamActivity(ActivityOf("u-1", 3));
  int events = 0;

  while (true) {
    absl::StatusOr<std::optional<ActivityEvent>> event = stream.NextAsync().Get();
    ASSERT_TRUE(event.ok()) << event.status();
    if (!*event) break;
    ++events;
  }

  EXPECT_EQ(events, 3);
}

TEST_F(ActivityStreamTest, OnlyOneMessageAtATimeCanBeWaitedFor) {
  StartServers(1);
  Connect();
  SetFaults(R"({"faults": [{"method": "StreamActivity", "hang": true}]})");
  MessageStream<ActivityEvent> stream = client_->StreamActivity(ActivityOf("u-1"));
  const auto first = stream.NextAsync();

  EXPECT_EQ(stream.NextAsync().Get().status().code(), StatusCode::kFailedPrecondition);
}

TEST_F(ActivityStreamTest, InACallbackNobodyMayBlockAndTheStreamGoesOnAfterwards) {
  StartServers(1);
  Connect();
  SetFaults(R"({"faults": [{"method": "StreamActivity", "slow": "0.7s"}]})");
  MessageStream<ActivityEvent> stream = client_->StreamActivity(ActivityOf("u-1", 3));
  std::promise<absl::Status> refusal;

  stream.NextAsync().Then([&](const auto&) {
    while (stream.Next()) {
    }
    refusal.set_value(stream.status());
  });

  EXPECT_EQ(refusal.get_future().get().code(), StatusCode::kFailedPrecondition);
  EXPECT_GE(Drain(stream).size(), 1u);
  EXPECT_EQ(stream.status(), absl::OkStatus());
}

TEST_F(ActivityStreamTest, WhoWaitsForAMessageHearsOfTheFailure) {
  StartServers(1);
  Connect();
  SetFaults(R"({"faults": [{"method": "StreamActivity", "delay": "0.05s", "status": "PERMISSION_DENIED"}]})");
  MessageStream<ActivityEvent> stream = client_->StreamActivity(ActivityOf("u-1"));

  EXPECT_EQ(stream.NextAsync().Get().status().code(), StatusCode::kPermissionDenied);
}

/// A coroutine that nobody waits for.
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

Detached CountEvents(UserClient client, user::v1::StreamActivityRequest request, std::promise<int>& counted) {
  MessageStream<ActivityEvent> stream = client.StreamActivity(std::move(request));
  int events = 0;
  while (true) {
    absl::StatusOr<std::optional<ActivityEvent>> event = co_await stream.NextAsync();
    if (!event.ok() || !*event) break;
    ++events;
  }
  counted.set_value(events);
}

TEST_F(ActivityStreamTest, ACoroutineWalksIt) {
  StartServers(1);
  Connect();
  std::promise<int> counted;

  CountEvents(*client_, ActivityOf("u-1"), counted);

  EXPECT_EQ(counted.get_future().get(), kActivity + 1);
}

TEST_F(ActivityStreamTest, ACallbackMayDropTheStream) {
  StartServers(1);
  Connect();
  auto stream = std::make_shared<std::optional<MessageStream<ActivityEvent>>>(client_->StreamActivity(ActivityOf("u-1")));
  std::promise<void> dropped;

  (*stream)->NextAsync().Then([&, stream](const auto&) {
    stream->reset();
    dropped.set_value();
  });

  dropped.get_future().get();
  EXPECT_TRUE(Eventually([&] { return OpenStreams() == 0; }));
}

}  // namespace
}  // namespace userclient::testing
