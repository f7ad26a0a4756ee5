// LookupUsers: every question gets exactly one answer, whatever happens to the servers.

#include <coroutine>
#include <future>
#include <latch>
#include <stop_token>
#include <thread>

#include "tests/stream/raw_stream_server.h"
#include "tests/stream/stream_fixture.h"
#include "user/v1/user_service.grpc.pb.h"
#include "userclient/error_details.h"
#include "userclient/service_client.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using user::v1::LookupUsersResponse;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Answer = absl::StatusOr<LookupUsersResponse>;
using Pending = PendingCall<LookupUsersResponse>;

/// "u-1: user1@example.com", "x: not found", or the code of the error.
std::string TextOf(const Answer& answer) {
  if (!answer.ok()) return absl::StatusCodeToString(answer.status().code());
  return absl::StrCat(std::string(answer->user_id()), ": ",
                      answer->has_user() ? std::string(answer->user().email()) : std::string("not found"));
}

std::string ExpectedOf(int number) {
  // The server has three users.
  const std::string id = absl::StrCat("u-", number);
  if (number < 1 || number > 3) return absl::StrCat(id, ": not found");
  return absl::StrCat(id, ": user", number, "@example.com");
}

class LookupStreamTest : public StreamTest {
 protected:
  /// Asks for u-0, u-1 and so on.
  static std::vector<Pending> AskMany(const UserLookup& lookup, int count) {
    std::vector<Pending> pending;
    for (int i = 0; i < count; ++i) pending.push_back(lookup.Ask(absl::StrCat("u-", i)));
    return pending;
  }

  static void ExpectAllAnswered(std::vector<Pending>& pending) {
    for (size_t i = 0; i < pending.size(); ++i) {
      ASSERT_EQ(TextOf(std::move(pending[i]).Get()), ExpectedOf(static_cast<int>(i)));
    }
  }

  static std::string StreamsConfig(const std::string& bulkhead) {
    return absl::StrCat(R"({"methodConfig": [{"name": [{}], "timeout": "30s"}], "userclient": {"bulkheads": [{"name": "streams",
        "methods": [{"service": "user.v1.UserService"}], )",
                        bulkhead, "}]}}");
  }
};

TEST_F(LookupStreamTest, AnswersWithTheUserOrThatThereIsNone) {
  StartServers(1);
  Connect();
  const UserLookup lookup = client_->LookupUsers();

  Pending unknown = lookup.Ask("nobody");
  Pending known = lookup.Ask("u-2");

  EXPECT_EQ(TextOf(std::move(known).Get()), "u-2: user2@example.com");
  EXPECT_EQ(TextOf(std::move(unknown).Get()), "nobody: not found");
  EXPECT_EQ(lookup.Finish(), absl::OkStatus());
  EXPECT_EQ(attempts_, 1);
  EXPECT_TRUE(Eventually([&] { return OpenStreams() == 0; }));
}

TEST_F(LookupStreamTest, TenThousandQuestionsGoOverOneStream) {
  StartServers(1);
  Connect();
  const UserLookup lookup = client_->LookupUsers();

  std::vector<Pending> pending = AskMany(lookup, 10'000);

  EXPECT_EQ(lookup.Finish(), absl::OkStatus());
  ExpectAllAnswered(pending);
  EXPECT_EQ(attempts_, 1);
}

TEST_F(LookupStreamTest, ManyThreadsMayAsk) {
  StartServers(1);
  Connect();
  const UserLookup lookup = client_->LookupUsers();
  std::vector<std::vector<Pending>> pending(4);
  {
    std::vector<std::jthread> threads;
    for (std::vector<Pending>& mine : pending) threads.emplace_back([&] { mine = AskMany(lookup, 1000); });
  }

  for (std::vector<Pending>& mine : pending) ExpectAllAnswered(mine);
  EXPECT_EQ(lookup.Finish(), absl::OkStatus());
  EXPECT_EQ(attempts_, 1);
}

TEST_F(LookupStreamTest, StaysOpenBetweenQuestions) {
  StartServers(1);
  Connect();
  const UserLookup lookup = client_->LookupUsers();

  for (int i = 0; i < 100; ++i) ASSERT_EQ(TextOf(lookup.Ask(absl::StrCat("u-", i)).Get()), ExpectedOf(i));

  EXPECT_EQ(attempts_, 1);
}

TEST_F(LookupStreamTest, WithoutAQuestionNothingIsSent) {
  StartServers(1);
  Connect();
  const UserLookup lookup = client_->LookupUsers();

  EXPECT_EQ(lookup.Finish(), absl::OkStatus());

  EXPECT_EQ(lookup.Ask("u-1").Get().status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(attempts_, 0);
}

TEST_F(LookupStreamTest, ALineThatIsFullTakesNoMore) {
  StartServers(1);
  Connect();
  SetFaults(R"({"faults": [{"method": "LookupUsers", "hang": true}]})");
  const UserLookup lookup = client_->LookupUsers();
  const std::vector<Pending> pending = AskMany(lookup, 10'000);

  ASSERT_TRUE(Eventually([&] {
    Pending surplus = lookup.Ask("surplus");
    return surplus.Wait(0ns) && std::move(surplus).Get().status().code() == StatusCode::kResourceExhausted;
  }));

  EXPECT_FALSE(pending.back().Wait(0ns));
}

// ---- All at once

TEST_F(LookupStreamTest, ManyIdsAreAnsweredInTheirOrder) {
  StartServers(1);
  Connect();
  std::vector<std::string> ids;
  for (int i = 0; i < 20'000; ++i) ids.push_back(absl::StrCat("u-", i % 5));
  CallReport report;

  const absl::StatusOr<std::vector<LookupUsersResponse>> answers = client_->LookupUsers(ids, {.report = &report});

  ASSERT_TRUE(answers.ok()) << answers.status();
  ASSERT_EQ(answers->size(), ids.size());
  for (size_t i = 0; i < ids.size(); ++i) ASSERT_EQ((*answers)[i].user_id(), ids[i]);
  EXPECT_EQ(report.end, CallEnd::kSucceeded);
  EXPECT_EQ(report.attempts.size(), 1u);
}

TEST_F(LookupStreamTest, NoIdsNeedNoServer) {
  StartServers(1);
  Connect();

  const auto answers = client_->LookupUsers(std::vector<std::string>());

  ASSERT_TRUE(answers.ok()) << answers.status();
  EXPECT_TRUE(answers->empty());
  EXPECT_EQ(attempts_, 0);
}

TEST_F(LookupStreamTest, AWrongIdAmongManyIsTheirError) {
  StartServers(1);
  Connect();

  const auto answers = client_->LookupUsers({"u-1", "", "u-2"});

  EXPECT_EQ(answers.status().code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(Eventually([&] { return OpenStreams() == 0; }));
}

TEST_F(LookupStreamTest, TheMethodsTimeoutIsThatOfAll) {
  StartServers(1);
  Connect(NoRetryConfig("0.2s"));
  SetFaults(R"({"faults": [{"method": "LookupUsers", "after": 1, "hang": true}]})");

  const auto answers = client_->LookupUsers({"u-1", "u-2"});

  EXPECT_EQ(answers.status().code(), StatusCode::kDeadlineExceeded);
}

// ---- Servers that fail

// Every way in which a stream can break, each several times.
class BrokenLookupTest : public LookupStreamTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(BrokenLookupTest, EveryQuestionGetsItsAnswer) {
  StartServers(2);
  Connect();
  SetFaults(absl::StrCat(R"({"faults": [{"method": "LookupUsers", "after": 11, "times": 5, )", GetParam(), "}]}"));
  const UserLookup lookup = client_->LookupUsers({.timeout = 50s});

  std::vector<Pending> pending = AskMany(lookup, 300);

  EXPECT_EQ(lookup.Finish(), absl::OkStatus());
  ExpectAllAnswered(pending);
  EXPECT_GE(attempts_, 6);
}

INSTANTIATE_TEST_SUITE_P(Ways, BrokenLookupTest,
                         ::testing::Values(R"("status": "UNAVAILABLE")", R"("status": "INTERNAL")",
                                           R"("status": "RESOURCE_EXHAUSTED")", R"("drop": true)", R"("garbage": true)",
                                           R"("throw": true)"));

TEST_F(LookupStreamTest, ServersThatDieOneAfterTheOtherAreNotNoticed) {
  StartServers(3);
  Connect();
  SetFaults(R"({"faults": [{"method": "LookupUsers", "slow": "0.001s"}]})");
  const UserLookup lookup = client_->LookupUsers({.timeout = 100s});
  std::vector<Pending> pending = AskMany(lookup, 1200);

  for (size_t answered = 100; answered < pending.size(); answered += 100) {
    ASSERT_TRUE(pending[answered].Wait(60s));
    const int victim = static_cast<int>(answered / 100) % 3;
    Kill(victim);
    Start(victim);
    ASSERT_EQ(server(victim).faults().Set(R"({"faults": [{"method": "LookupUsers", "slow": "0.001s"}]})"), absl::OkStatus());
  }

  EXPECT_EQ(lookup.Finish(), absl::OkStatus());
  ExpectAllAnswered(pending);
}

TEST_F(LookupStreamTest, GoesOnAfterAGracefulRestart) {
  StartServers(2);
  Connect();
  const UserLookup lookup = client_->LookupUsers({.timeout = 50s});

  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(TextOf(lookup.Ask("u-1").Get()), ExpectedOf(1));
    ASSERT_EQ(server(i % 2).Shutdown(10s), absl::OkStatus());
    Kill(i % 2);
    Start(i % 2);
    EXPECT_EQ(TextOf(lookup.Ask("u-2").Get()), ExpectedOf(2));
  }

  EXPECT_EQ(lookup.Finish(), absl::OkStatus());
}

TEST_F(LookupStreamTest, FailsWhenThereIsNoServerAndTriesAnewLater) {
  StartServers(1);
  Connect(RetryConfig());
  const UserLookup lookup = client_->LookupUsers();
  ASSERT_EQ(TextOf(lookup.Ask("u-1").Get()), ExpectedOf(1));
  Kill(0);

  EXPECT_EQ(lookup.Ask("u-2").Get().status().code(), StatusCode::kUnavailable);
  Start(0);
  ASSERT_TRUE(Eventually([&] { return lookup.Ask("u-2").Get().ok(); }));

  EXPECT_EQ(lookup.Finish().code(), StatusCode::kUnavailable) << "of the question that had no answer";
}

TEST_F(LookupStreamTest, ASilentServerIsLeft) {
  StartServers(1);
  SetFaults(R"({"faults": [{"method": "LookupUsers", "hang": true, "times": 2}]})");
  // The 10 s of the real thing would be long for a test: the first message of an attempt has a limit of its own.
  Connect(RetryConfig({.more = R"(, "perAttemptRecvTimeout": "0.5s")"}));
  const UserLookup lookup = client_->LookupUsers();
  const auto began = std::chrono::steady_clock::now();

  EXPECT_EQ(TextOf(lookup.Ask("u-1").Get()), ExpectedOf(1));

  EXPECT_GE(std::chrono::steady_clock::now() - began, 1s);
  EXPECT_GE(attempts_, 3) << "on a slow machine, others may have been silent for too long";
}

TEST_F(LookupStreamTest, LivesLongerThanOneAttemptMay) {
  StartServers(1);
  Connect(NoRetryConfig("0.4s"));
  const UserLookup lookup = client_->LookupUsers();

  // Each attempt ends while nothing is asked; the next question begins another, and on a slow machine perhaps several.
  for (int i = 0; i < 4; ++i) {
    const int before = attempts_;
    ASSERT_EQ(TextOf(lookup.Ask("u-1").Get()), ExpectedOf(1));
    EXPECT_GT(attempts_, before);
    ASSERT_TRUE(Eventually([&] { return OpenStreams() == 0; }));
  }

  EXPECT_EQ(lookup.Finish(), absl::OkStatus());
}

TEST_F(LookupStreamTest, AnAttemptThatEndsAmongQuestionsLosesNone) {
  StartServers(1);
  Connect(NoRetryConfig("0.4s"));
  SetFaults(R"({"faults": [{"method": "LookupUsers", "slow": "0.004s"}]})");
  const UserLookup lookup = client_->LookupUsers();

  std::vector<Pending> pending = AskMany(lookup, 300);

  EXPECT_EQ(lookup.Finish(), absl::OkStatus());
  ExpectAllAnswered(pending);
  EXPECT_GE(attempts_, 2);
}

TEST_F(LookupStreamTest, AServerThatNeverEndsTheStreamIsNotWaitedFor) {
  StartServers(1);
  Connect();
  SetFaults(R"({"faults": [{"method": "LookupUsers", "never_half_close": true}]})");
  const UserLookup lookup = client_->LookupUsers();
  // So many that the last answer comes after the half-close.
  std::vector<Pending> pending = AskMany(lookup, 1000);

  const PendingCall<std::monostate> finished = lookup.FinishAsync();
  ASSERT_TRUE(pending.back().Wait(30s));

  EXPECT_TRUE(finished.Wait(8s));
  ExpectAllAnswered(pending);
  EXPECT_TRUE(Eventually([&] { return OpenStreams() == 0; }));
}

TEST_F(LookupStreamTest, TheBreakerRefusesAtOnce) {
  StartServers(1);
  Connect(StreamsConfig(
      R"("circuitBreaker": {"minimumCalls": 3, "failureRatio": 0.5, "openDuration": "1000s", "maxOpenDuration": "1000s"})"));
  SetFaults(R"({"faults": [{"method": "LookupUsers", "status": "UNAVAILABLE"}]})");
  {
    // Less than the 5 s for which it would wait for the breaker.
    const UserLookup lookup = client_->LookupUsers({.timeout = 4s});
    EXPECT_FALSE(lookup.Ask("u-1").Get().ok());
    EXPECT_EQ(attempts_, 3) << "the third failure opened the circuit";
  }
  const UserLookup lookup = client_->LookupUsers();

  const Answer answer = lookup.Ask("u-1").Get();

  EXPECT_EQ(RejectionOf(answer.status()), Rejection::kCircuitOpen);
  EXPECT_EQ(attempts_, 3);
}

TEST_F(LookupStreamTest, WhatIsWrongWithTheWholeStreamFailsAllQuestions) {
  StartServers(1);
  Connect();
  // Late enough for all four to have been asked: what comes behind the end of a stream is asked over another one.
  SetFaults(R"({"faults": [{"method": "LookupUsers", "delay": "2s", "after": 2, "status": "PERMISSION_DENIED",)"
            R"( "message": "not you"}]})");
  const UserLookup lookup = client_->LookupUsers();

  std::vector<Pending> pending = AskMany(lookup, 4);

  EXPECT_EQ(TextOf(std::move(pending[0]).Get()), ExpectedOf(0));
  EXPECT_EQ(TextOf(std::move(pending[1]).Get()), ExpectedOf(1));
  EXPECT_EQ(TextOf(std::move(pending[2]).Get()), "PERMISSION_DENIED");
  EXPECT_EQ(TextOf(std::move(pending[3]).Get()), "PERMISSION_DENIED");
  EXPECT_EQ(lookup.Finish().message(), "not you");
}

// ---- Questions that are wrong, answers that are wrong

TEST_F(LookupStreamTest, AWrongQuestionFailsAloneAndTheOthersGoOn) {
  StartServers(1);
  Connect();
  const UserLookup lookup = client_->LookupUsers();

  std::vector<Pending> before = AskMany(lookup, 100);
  Pending empty = lookup.Ask("");
  Pending long_one = lookup.Ask(std::string(200, 'x'));
  std::vector<Pending> after = AskMany(lookup, 100);

  EXPECT_EQ(lookup.Finish(), absl::OkStatus());
  ExpectAllAnswered(before);
  ExpectAllAnswered(after);
  EXPECT_EQ(TextOf(std::move(empty).Get()), "INVALID_ARGUMENT");
  EXPECT_EQ(TextOf(std::move(long_one).Get()), "INVALID_ARGUMENT");
  EXPECT_EQ(attempts_, 3);
}

TEST_F(LookupStreamTest, AWrongQuestionThatIsTheLastEndsWell) {
  StartServers(1);
  Connect();
  const UserLookup lookup = client_->LookupUsers();

  EXPECT_EQ(TextOf(lookup.Ask("").Get()), "INVALID_ARGUMENT");

  EXPECT_EQ(TextOf(lookup.Ask("u-1").Get()), ExpectedOf(1));
  EXPECT_EQ(lookup.Finish(), absl::OkStatus());
}

/// Of a server that answers so, whatever it is asked.
class StrangeAnswerTest : public ::testing::Test {
 protected:
  static std::string AnswerFor(const std::string& id) {
    LookupUsersResponse response;
    response.set_user_id(id);
    response.set_not_found(true);
    return response.SerializeAsString();
  }

  static Answer Ask(const RawStreamServer& server) {
    const UserClient client = ConnectTo(server.address());
    const UserLookup lookup = client.LookupUsers({.timeout = 50s});
    Pending answer = lookup.Ask("u-1");
    (void)lookup.Finish();
    return std::move(answer).Get();
  }
};

TEST_F(StrangeAnswerTest, OneForSomebodyElseIsNone) {
  const RawStreamServer server({.responses = {AnswerFor("u-2")}});

  const Answer answer = Ask(server);

  EXPECT_EQ(answer.status().code(), StatusCode::kInternal);
  EXPECT_THAT(std::string(answer.status().message()), HasSubstr("not asked next"));
}

TEST_F(StrangeAnswerTest, NoneAtAllIsAFailureThoughTheServerIsContent) {
  const RawStreamServer server({});

  const Answer answer = Ask(server);

  EXPECT_EQ(answer.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(std::string(answer.status().message()), HasSubstr("before it had answered everything"));
}

TEST_F(StrangeAnswerTest, ACancellationWhoseReasonIsInItsDetailsKeepsThem) {
  const RawStreamServer server({.status = {grpc::StatusCode::CANCELLED, "", "the server's own details"}});

  const Answer answer = Ask(server);

  EXPECT_EQ(answer.status().code(), StatusCode::kCancelled);
  EXPECT_EQ(ErrorDetailsOf(answer.status()).raw, "the server's own details");
}

TEST_F(StrangeAnswerTest, WhatFollowsTheLastIsIgnored) {
  const RawStreamServer server({.responses = {AnswerFor("u-1"), AnswerFor("u-1")}});

  const Answer answer = Ask(server);

  EXPECT_EQ(TextOf(answer), "u-1: not found");
}

// ---- Cancelling

TEST_F(LookupStreamTest, CancelEndsItAtAnyPoint) {
  StartServers(1);
  Connect();
  // The last questions are never answered.
  SetFaults(R"({"faults": [{"method": "LookupUsers", "slow": "0.0005s", "after": 100, "hang": true}]})");
  for (int answered = 0; answered < 60; answered += 7) {
    const UserLookup lookup = client_->LookupUsers();
    std::vector<Pending> pending = AskMany(lookup, 300);
    ASSERT_TRUE(pending[static_cast<size_t>(answered)].Wait(30s));

    lookup.Cancel();

    EXPECT_EQ(TextOf(std::move(pending.back()).Get()), "CANCELLED");
    EXPECT_EQ(lookup.Finish().code(), StatusCode::kCancelled);
    EXPECT_EQ(TextOf(lookup.Ask("u-1").Get()), "CANCELLED");
  }
  EXPECT_TRUE(Eventually([&] { return OpenStreams() == 0; }));
}

TEST_F(LookupStreamTest, AStopTokenEndsIt) {
  StartServers(1);
  Connect();
  SetFaults(R"({"faults": [{"method": "LookupUsers", "hang": true}]})");
  std::stop_source stop;
  const UserLookup lookup = client_->LookupUsers({.stop = stop.get_token()});
  Pending answer = lookup.Ask("u-1");
  ASSERT_TRUE(Eventually([&] { return attempts_ == 1; }));

  stop.request_stop();

  EXPECT_EQ(TextOf(std::move(answer).Get()), "CANCELLED");
  EXPECT_EQ(TextOf(lookup.Ask("u-1").Get()), "CANCELLED");
}

TEST_F(LookupStreamTest, EndsAtATimeoutOfTheCaller) {
  StartServers(1);
  Connect();
  SetFaults(R"({"faults": [{"method": "LookupUsers", "after": 1, "hang": true}]})");
  ASSERT_TRUE(client_->WaitReady(30s));
  const UserLookup lookup = client_->LookupUsers({.timeout = 2s});

  Pending first = lookup.Ask("u-1");
  Pending second = lookup.Ask("u-2");

  EXPECT_EQ(TextOf(std::move(first).Get()), ExpectedOf(1));
  EXPECT_EQ(TextOf(std::move(second).Get()), "DEADLINE_EXCEEDED");
  EXPECT_EQ(RejectionOf(lookup.Ask("u-3").Get().status()), Rejection::kDeadlineTooShort);
}

TEST_F(LookupStreamTest, OneQuestionCanBeTakenBack) {
  StartServers(1);
  Connect();
  SetFaults(R"({"faults": [{"method": "LookupUsers", "delay": "2s", "slow": "0.001s"}]})");
  const UserLookup lookup = client_->LookupUsers();
  std::vector<Pending> pending = AskMany(lookup, 200);

  // While nothing is answered, these have not been sent.
  for (size_t i = 101; i < pending.size(); i += 2) pending[i].Cancel();
  // Of these, some have been answered, some have been sent, and some have not.
  ASSERT_TRUE(pending[0].Wait(30s));
  for (size_t i = 1; i < 100; i += 2) pending[i].Cancel();

  EXPECT_EQ(lookup.Finish(), absl::OkStatus());
  for (size_t i = 0; i < pending.size(); i += 2) {
    ASSERT_EQ(TextOf(std::move(pending[i]).Get()), ExpectedOf(static_cast<int>(i)));
  }
  for (size_t i = 101; i < pending.size(); i += 2) ASSERT_EQ(TextOf(std::move(pending[i]).Get()), "CANCELLED");
  EXPECT_EQ(attempts_, 1);
}

TEST_F(LookupStreamTest, WhatWasTakenBackIsNotAskedAgain) {
  StartServers(1);
  Connect();
  SetFaults(R"({"faults": [{"method": "LookupUsers", "hang": true, "times": 1}]})");
  const UserLookup lookup = client_->LookupUsers();
  Pending taken_back = lookup.Ask("");
  Pending kept = lookup.Ask("u-1");
  ASSERT_TRUE(Eventually([&] { return attempts_ == 1; }));

  taken_back.Cancel();
  Kill(0);
  Start(0);

  EXPECT_EQ(TextOf(std::move(kept).Get()), ExpectedOf(1));
  EXPECT_EQ(attempts_, 2) << "the empty id would have cost another";
}

TEST_F(LookupStreamTest, AnAnswerThatNobodyWaitsForIsIgnored) {
  StartServers(1);
  Connect();
  const UserLookup lookup = client_->LookupUsers();

  for (int i = 0; i < 100; ++i) (void)lookup.Ask("u-1");

  EXPECT_EQ(TextOf(lookup.Ask("u-2").Get()), ExpectedOf(2));
  EXPECT_EQ(lookup.Finish(), absl::OkStatus());
}

TEST_F(LookupStreamTest, AbandonedItLeavesNothingBehind) {
  StartServers(1);
  Connect(StreamsConfig(R"("maxConcurrentCalls": 1)"));
  for (int answered = 0; answered < 40; answered += 3) {
    CallReport report;
    std::vector<Pending> pending;
    {
      const UserLookup lookup = client_->LookupUsers({.report = &report});
      pending = AskMany(lookup, 200);
      ASSERT_TRUE(pending[static_cast<size_t>(answered)].Wait(30s));
    }
    ASSERT_TRUE(pending.back().Wait(0ns)) << "answered or cancelled";
  }

  EXPECT_TRUE(Eventually([&] { return OpenStreams() == 0; }));
  const UserLookup lookup = client_->LookupUsers();
  EXPECT_EQ(TextOf(lookup.Ask("u-1").Get()), ExpectedOf(1)) << "the only seat is free again";
}

TEST_F(LookupStreamTest, HoldsASeatWhileItsStreamIsOpen) {
  StartServers(1);
  Connect(StreamsConfig(R"("maxConcurrentCalls": 1)"));
  const UserLookup first = client_->LookupUsers();
  const UserLookup second = client_->LookupUsers();
  ASSERT_EQ(TextOf(first.Ask("u-1").Get()), ExpectedOf(1));

  EXPECT_EQ(RejectionOf(second.Ask("u-2").Get().status()), Rejection::kBulkheadFull);

  EXPECT_EQ(first.Finish(), absl::OkStatus());
  EXPECT_EQ(TextOf(second.Ask("u-2").Get()), ExpectedOf(2));
}

TEST_F(LookupStreamTest, AClientThatIsShutDownEndsIt) {
  StartServers(1);
  Connect();
  SetFaults(R"({"faults": [{"method": "LookupUsers", "hang": true}]})");
  const UserLookup lookup = client_->LookupUsers();
  Pending answer = lookup.Ask("u-1");
  ASSERT_TRUE(Eventually([&] { return attempts_ == 1; }));

  client_->Shutdown(10ms);

  EXPECT_EQ(TextOf(std::move(answer).Get()), "CANCELLED");
  EXPECT_EQ(RejectionOf(lookup.Ask("u-1").Get().status()), Rejection::kShutdown);
}

TEST_F(LookupStreamTest, AFallbackIsRefused) {
  StartServers(1);
  Connect();
  const UserLookup lookup = client_->LookupUsers({.fallback = [](const auto&, auto&) { return true; }});

  EXPECT_EQ(TextOf(lookup.Ask("u-1").Get()), "INVALID_ARGUMENT");
  EXPECT_EQ(attempts_, 0);
}

// ---- The same for any service

class ConversationTest : public StreamTest {
 protected:
  using Service = ServiceClient<user::v1::UserService>;

  /// Answers belong to questions by their order.
  Conversation<user::v1::LookupUsersRequest, LookupUsersResponse> Converse(
      const ConversationLimits& limits, std::optional<std::chrono::nanoseconds> idle_timeout = std::nullopt) {
    absl::StatusOr<Service> service = Service::Create(
        {.target = addresses_[0], .credentials = Credentials::Insecure(), .service_config_json = NoRetryConfig()});
    EXPECT_TRUE(service.ok()) << service.status();
    const auto method = service->BidiStream<user::v1::LookupUsersRequest, LookupUsersResponse>(
        "LookupUsers", &user::v1::UserService::StubInterface::LookupUsers, {.idle_timeout = idle_timeout});
    return service->Converse(method, {}, limits);
  }

  static user::v1::LookupUsersRequest QuestionFor(const std::string& id) {
    user::v1::LookupUsersRequest question;
    question.set_user_id(id);
    return question;
  }
};

TEST_F(ConversationTest, AsksOneByOneIfTheServerWantsIt) {
  StartServers(1);
  const auto conversation = Converse({.max_on_wire = 1});
  std::vector<Pending> pending;

  for (int i = 0; i < 50; ++i) pending.push_back(conversation.Ask(QuestionFor(absl::StrCat("u-", i))));

  EXPECT_EQ(conversation.Finish(), absl::OkStatus());
  for (int i = 0; i < 50; ++i) ASSERT_EQ(TextOf(std::move(pending[static_cast<size_t>(i)]).Get()), ExpectedOf(i));
}

TEST_F(ConversationTest, KeepsItsLimits) {
  StartServers(1);
  SetFaults(R"({"faults": [{"method": "LookupUsers", "hang": true}]})");
  const auto conversation = Converse({.max_on_wire = 2, .max_waiting = 3});
  std::vector<Pending> pending;
  pending.push_back(conversation.Ask(QuestionFor("u-1")));
  ASSERT_TRUE(Eventually([&] { return attempts_ == 1; }));
  // How many fit in depends on how many of them have been sent.
  for (int i = 0; i < 8; ++i) pending.push_back(conversation.Ask(QuestionFor("u-2")));

  const Answer surplus = std::move(pending.back()).Get();

  EXPECT_EQ(surplus.status().code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(surplus.status().message()), HasSubstr("3 questions are waiting"));
  EXPECT_FALSE(pending[2].Wait(0ns));
}

TEST_F(ConversationTest, LeavesAServerThatOwesAnAnswerAndIsSilent) {
  StartServers(1);
  SetFaults(R"({"faults": [{"method": "LookupUsers", "after": 1, "hang": true, "times": 1}]})");
  const auto conversation = Converse({}, 3s);

  Pending first = conversation.Ask(QuestionFor("u-1"));
  Pending second = conversation.Ask(QuestionFor("u-2"));

  EXPECT_EQ(TextOf(std::move(first).Get()), ExpectedOf(1));
  EXPECT_EQ(TextOf(std::move(second).Get()), ExpectedOf(2));
  EXPECT_EQ(attempts_, 2);
}

TEST_F(ConversationTest, KeepsAServerThatOwesNothingAndIsSilent) {
  StartServers(1);
  Connect();
  SetFaults(R"({"faults": [{"method": "GetUser", "delay": "4s"}, {"method": "LookupUsers", "slow": "0.5s"}]})");
  const auto conversation = Converse({}, 3s);
  ASSERT_EQ(TextOf(conversation.Ask(QuestionFor("u-1")).Get()), ExpectedOf(1));
  // Takes longer than a silence may.
  ASSERT_TRUE(client_->GetUser(AskFor("u-1")).ok());

  EXPECT_EQ(TextOf(conversation.Ask(QuestionFor("u-2")).Get()), ExpectedOf(2));

  EXPECT_EQ(attempts_, 2) << "one of them is GetUser's";
}

TEST_F(ConversationTest, ASilenceThatMayLastForEverIsNone) {
  StartServers(1);
  SetFaults(R"({"faults": [{"method": "LookupUsers", "slow": "0.2s"}]})");
  const auto conversation = Converse({}, std::chrono::nanoseconds::max());

  EXPECT_EQ(TextOf(conversation.Ask(QuestionFor("u-1")).Get()), ExpectedOf(1));

  EXPECT_EQ(attempts_, 1);
}

TEST_F(ConversationTest, RefusesLimitsThatLeaveNoRoom) {
  StartServers(1);

  const Answer no_wire = Converse({.max_on_wire = 0}).Ask(QuestionFor("u-1")).Get();
  const Answer no_line = Converse({.max_waiting = 0}).Ask(QuestionFor("u-1")).Get();

  EXPECT_EQ(no_wire.status().message(), "ConversationLimits.max_on_wire: must be at least 1");
  EXPECT_EQ(no_line.status().message(), "ConversationLimits.max_waiting: must be at least 1");
  EXPECT_EQ(attempts_, 0);
}

// ---- Without a thread that waits

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

Detached LookUpInTurn(UserClient client, int count, std::promise<int>& answered) {
  UserLookup lookup = client.LookupUsers();
  int found = 0;
  for (int i = 0; i < count; ++i) {
    const Answer answer = co_await lookup.Ask(absl::StrCat("u-", i % 4));
    if (answer.ok() && answer->has_user()) ++found;
  }
  const absl::StatusOr<std::monostate> finished = co_await lookup.FinishAsync();
  answered.set_value(finished.ok() ? found : -1);
}

TEST_F(LookupStreamTest, ACoroutineAsks) {
  StartServers(1);
  Connect();
  std::promise<int> answered;

  LookUpInTurn(*client_, 400, answered);

  EXPECT_EQ(answered.get_future().get(), 300);
}

TEST_F(LookupStreamTest, ACallbackMayAskOn) {
  StartServers(1);
  Connect();
  const UserLookup lookup = client_->LookupUsers();
  std::promise<std::string> second;

  lookup.Ask("u-1").Then(
      [&](const Answer&) { lookup.Ask("u-2").Then([&](const Answer& answer) { second.set_value(TextOf(answer)); }); });

  EXPECT_EQ(second.get_future().get(), ExpectedOf(2));
}

TEST_F(LookupStreamTest, ACallbackMayNotBlock) {
  StartServers(1);
  Connect();
  const UserLookup lookup = client_->LookupUsers();
  std::promise<absl::Status> all;

  lookup.Ask("u-1").Then([&](const Answer&) { all.set_value(client_->LookupUsers({"u-1"}).status()); });

  EXPECT_EQ(all.get_future().get().code(), StatusCode::kFailedPrecondition);
}

// The answer that drops the lookup is one of many, or that of a question which is wrong.
TEST_F(LookupStreamTest, ACallbackMayDropTheLookup) {
  StartServers(1);
  Connect();
  for (const char* id : {"u-1", ""}) {
    auto lookup = std::make_shared<std::optional<UserLookup>>(client_->LookupUsers());
    std::latch done(2);
    Pending first = (*lookup)->Ask(id);
    Pending second = (*lookup)->Ask("u-2");
    std::string last;

    std::move(second).Then([&](const Answer& answer) {
      last = TextOf(answer);
      done.count_down();
    });
    std::move(first).Then([&, lookup](const Answer&) {
      lookup->reset();
      done.count_down();
    });

    done.wait();
    EXPECT_TRUE(last == "CANCELLED" || last == ExpectedOf(2)) << last;
  }
  EXPECT_TRUE(Eventually([&] { return OpenStreams() == 0; }));
}

}  // namespace
}  // namespace userclient::testing
