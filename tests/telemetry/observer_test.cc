// What observers are told, whatever the face of the call.

#include "userclient/observer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/scripted_service.h"
#include "tests/support/test_client.h"
#include "tests/telemetry/await.h"
#include "tests/telemetry/recording_observer.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;
using user::v1::GetUserResponse;
using namespace std::chrono_literals;

using Answer = absl::StatusOr<GetUserResponse>;

class ObserverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 2, .seed_activity = 2});
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));
  }

  void Connect(const std::string& config, ClientOptions options = {}) {
    if (options.target.empty()) options.target = server_->address();
    options.credentials = Credentials::Insecure();
    options.service_config_json = config;
    if (options.observers.empty()) options.observers = {observer_};
    absl::StatusOr<UserClient> client = UserClient::Create(options);
    ASSERT_TRUE(client.ok()) << client.status();
    client_.emplace(*std::move(client));
  }

  const std::shared_ptr<RecordingObserver> observer_ = std::make_shared<RecordingObserver>();
  std::optional<FlakyUserServer> server_;
  std::optional<UserClient> client_;
};

enum class Face { kBlocking, kAsync };

class ObserverFacesTest : public ObserverTest, public ::testing::WithParamInterface<Face> {
 protected:
  Answer GetUser(const CallOptions& options = {}) {
    if (GetParam() == Face::kBlocking) return client_->GetUser(AskFor("u-1"), options);
    return client_->GetUserAsync(AskFor("u-1"), options).Get();
  }
};

TEST_P(ObserverFacesTest, HearsOfACallThatSucceedsAtOnce) {
  Connect(RetryConfig());

  ASSERT_TRUE(GetUser().ok());

  EXPECT_THAT(observer_->stories(), ElementsAre(ElementsAre("start GetUser", "attempt 0 first attempt", "ended 0 OK", "end OK")));
}

TEST_P(ObserverFacesTest, HearsOfEveryAttemptBeforeTheCallerHasHisAnswer) {
  Connect(RetryConfig());
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable), Fail(StatusCode::kUnavailable).WithPushback(1ms), Ok()});

  ASSERT_TRUE(GetUser().ok());

  EXPECT_THAT(
      observer_->stories(),
      ElementsAre(ElementsAre("start GetUser", "attempt 0 first attempt", "ended 0 UNAVAILABLE", "attempt 1 retry",
                              "ended 1 UNAVAILABLE", "attempt 2 retry when the server asked for it", "ended 2 OK", "end OK")));
}

TEST_P(ObserverFacesTest, HearsOfACallThatIsRefusedWithoutAttempts) {
  Connect(R"({"userclient": {"bulkheads": [{"name": "reads", "methods": [{"service": "user.v1.UserService"}],
              "circuitBreaker": {}}]}})");
  ASSERT_TRUE(client_->OverrideCircuit("reads", CircuitOverride::kOpen).ok());

  ASSERT_FALSE(GetUser().ok());

  EXPECT_THAT(observer_->stories(), ElementsAre(ElementsAre("start GetUser", "end UNAVAILABLE")));
  ASSERT_EQ(observer_->reports().size(), 1u);
  EXPECT_EQ(observer_->reports()[0].rejection, Rejection::kCircuitOpen);
}

TEST_P(ObserverFacesTest, HearsOfOptionsThatCannotBeUsed) {
  Connect(RetryConfig());

  ASSERT_FALSE(GetUser({.metadata = {{"grpc-mine", "no"}}}).ok());

  EXPECT_THAT(observer_->stories(), ElementsAre(ElementsAre("start GetUser", "end INVALID_ARGUMENT")));
  EXPECT_EQ(observer_->reports().at(0).rejection, std::nullopt);
}

TEST_P(ObserverFacesTest, HearsWhatStoodInForTheAnswer) {
  Connect(NoRetryConfig());
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable)});

  const Answer user = GetUser({.fallback = FallbackTo(GetUserResponse())});

  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_THAT(observer_->stories(),
              ElementsAre(ElementsAre("start GetUser", "attempt 0 first attempt", "ended 0 UNAVAILABLE", "end UNAVAILABLE")));
  EXPECT_EQ(observer_->reports().at(0).source, AnswerSource::kFallback);
  EXPECT_EQ(observer_->reports().at(0).code, StatusCode::kUnavailable);
}

TEST_P(ObserverFacesTest, AddsMetadataToEveryAttempt) {
  Connect(RetryConfig());
  observer_->Send("x-try", "number ");
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable), Ok()});

  ASSERT_TRUE(GetUser().ok());

  const auto received = server_->ReceivedAttempts("GetUser");
  ASSERT_EQ(received.size(), 2u);
  EXPECT_THAT(received[0].metadata, Contains(Pair("x-try", "number 0")));
  EXPECT_THAT(received[1].metadata, Contains(Pair("x-try", "number 1")));
}

TEST_P(ObserverFacesTest, ATraceOfTheObserversTakesThePlaceOfTheCallers) {
  Connect(RetryConfig());
  observer_->Send("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0");

  ASSERT_TRUE(GetUser({.metadata = {{"traceparent", "00-11111111111111111111111111111111-2222222222222222-01"},
                                    {"tracestate", "mine=1"},
                                    {"x-other", "stays"}}})
                  .ok());

  const auto metadata = server_->ReceivedAttempts("GetUser").at(0).metadata;
  EXPECT_EQ(metadata.count("traceparent"), 1u);
  EXPECT_THAT(metadata, Contains(Pair("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")));
  EXPECT_THAT(metadata, Not(Contains(Pair("tracestate", "mine=1"))));
  EXPECT_THAT(metadata, Contains(Pair("x-other", "stays")));
}

TEST_P(ObserverFacesTest, ATraceOfTheObserversThatIsNoneLeavesTheCallers) {
  Connect(RetryConfig());
  observer_->Send("traceparent", "attempt ");
  const std::string mine = "00-11111111111111111111111111111111-2222222222222222-01";

  ASSERT_TRUE(GetUser({.metadata = {{"traceparent", mine}}}).ok());

  const auto metadata = server_->ReceivedAttempts("GetUser").at(0).metadata;
  EXPECT_EQ(metadata.count("traceparent"), 1u);
  EXPECT_THAT(metadata, Contains(Pair("traceparent", mine)));
}

TEST_P(ObserverFacesTest, OfSeveralThatTraceTheServerIsToldOfTheLast) {
  const auto last = std::make_shared<RecordingObserver>();
  Connect(RetryConfig(), {.observers = {observer_, last}});
  observer_->Send("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0");
  last->Send("traceparent", "00-11111111111111111111111111111111-2222222222222222-0");
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable), Ok()});

  ASSERT_TRUE(GetUser().ok());

  const auto received = server_->ReceivedAttempts("GetUser");
  ASSERT_EQ(received.size(), 2u);
  for (const int number : {0, 1}) {
    const auto& metadata = received[number].metadata;
    EXPECT_EQ(metadata.count("traceparent"), 1u);
    EXPECT_THAT(metadata,
                Contains(Pair("traceparent", absl::StrCat("00-11111111111111111111111111111111-2222222222222222-0", number))));
  }
}

TEST_P(ObserverFacesTest, MetadataThatCannotBeSentCostsNoCall) {
  Connect(RetryConfig());
  observer_->Send("grpc-Upper Case", "no");

  EXPECT_TRUE(GetUser().ok());
}

INSTANTIATE_TEST_SUITE_P(Faces, ObserverFacesTest, ::testing::Values(Face::kBlocking, Face::kAsync));

// ---- Calls with more than one attempt at a time, and with more than one caller

TEST_F(ObserverTest, HearsTheEndOfAnAttemptThatAHedgeHasBeaten) {
  Connect(R"({"methodConfig": [{"name": [{"service": "user.v1.UserService", "method": "GetUser"}], "timeout": "30s",
              "hedgingPolicy": {"maxAttempts": 2, "hedgingDelay": "0.02s", "nonFatalStatusCodes": ["UNAVAILABLE"]}}]})");
  server_->Script("GetUser", {Hang(), Ok()});

  ASSERT_TRUE(client_->GetUser(AskFor("u-1")).ok());

  // The one that hangs is the one that arrives first.
  EXPECT_THAT(observer_->stories(), ElementsAre(AnyOf(ElementsAre("start GetUser", "attempt 0 first attempt", "attempt 1 hedge",
                                                                  "ended 1 OK", "ended 0 CANCELLED", "end OK"),
                                                      ElementsAre("start GetUser", "attempt 0 first attempt", "attempt 1 hedge",
                                                                  "ended 0 OK", "ended 1 CANCELLED", "end OK"))));
}

TEST_F(ObserverTest, HearsOfSharedCallsAndOfTheFlightThatServesThem) {
  std::promise<void> both_asked;
  const ScriptedService server([asked = both_asked.get_future().share()](auto&, const auto&, auto&) {
    asked.wait();
    return grpc::Status::OK;
  });
  Connect(R"({"userclient": {"methods": [{"name": [{"service": "user.v1.UserService", "method": "GetUser"}],
                                           "singleFlight": true}]}})",
          {.target = server.address()});
  PendingCall<GetUserResponse> first = client_->GetUserAsync(AskFor("u-1"));
  PendingCall<GetUserResponse> second = client_->GetUserAsync(AskFor("u-1"));
  both_asked.set_value();

  ASSERT_TRUE(std::move(first).Get().ok());
  ASSERT_TRUE(std::move(second).Get().ok());

  EXPECT_THAT(observer_->stories(),
              UnorderedElementsAre(ElementsAre("start GetUser", "end OK"), ElementsAre("start GetUser", "end OK"),
                                   ElementsAre("flight GetUser", "attempt 0 first attempt", "ended 0 OK", "end OK")));
}

// ---- Streams, batches and the rest

TEST_F(ObserverTest, HearsOfAStreamThatIsResumed) {
  Connect(RetryConfig());
  server_->Script("StreamActivity", {Fail(StatusCode::kUnavailable).After(1), Ok()});
  user::v1::StreamActivityRequest request;
  request.set_user_id("u-1");

  MessageStream<user::v1::ActivityEvent> stream = client_->StreamActivity(request);
  int events = 0;
  for (const user::v1::ActivityEvent& event : stream) events += event.event_id().empty() ? 0 : 1;

  ASSERT_TRUE(stream.status().ok()) << stream.status();
  EXPECT_EQ(events, 3);
  EXPECT_THAT(observer_->stories(), ElementsAre(ElementsAre("start StreamActivity", "attempt 0 first attempt",
                                                            "ended 0 UNAVAILABLE", "attempt 1 resumed", "ended 1 OK", "end OK")));
}

TEST_F(ObserverTest, HearsTheEndOfAStreamThatIsAbandoned) {
  Connect(RetryConfig());
  {
    const UserWatch watch = client_->WatchUsers();
    ASSERT_TRUE(server_->AwaitAttempts("WatchUsers", 1));
  }

  ASSERT_TRUE(Await([&] { return observer_->stories().size() == 1; }));

  EXPECT_THAT(observer_->stories(),
              ElementsAre(ElementsAre("start WatchUsers", "attempt 0 first attempt", "ended 0 CANCELLED", "end CANCELLED")));
}

TEST_F(ObserverTest, HearsOfLookupsBatchesListsAndHealthChecks) {
  Connect(RetryConfig());
  std::vector<user::v1::CreateUserRequest> users(1);
  users[0].set_email("new@example.com");
  users[0].set_display_name("New");

  ASSERT_TRUE(client_->LookupUsers(std::vector<std::string>{"u-1", "u-2"}).ok());
  ASSERT_TRUE(client_->BatchCreateUsers(users).ok());
  ASSERT_TRUE(client_->ListUsers({}).ok());
  ASSERT_TRUE(client_->CheckHealth("").ok());

  std::map<std::string, std::string> end_of;
  for (const RecordingObserver::Story& story : observer_->stories()) end_of[story.front()] = story.back();
  EXPECT_THAT(end_of, UnorderedElementsAre(Pair("start LookupUsers", "end OK"), Pair("start BatchCreateUsers", "end OK"),
                                           Pair("start ListUsers", "end OK"), Pair("start Check", "end OK")));
}

TEST_F(ObserverTest, AConversationThatNobodyBeganIsNoCall) {
  Connect(RetryConfig());

  { const UserLookup lookup = client_->LookupUsers(); }

  EXPECT_EQ(observer_->begun(), 0u);
}

// ---- Clients

TEST_F(ObserverTest, HearsOfTheClientItsBreakersAndItsConfigs) {
  Connect(R"({"userclient": {"bulkheads": [{"name": "reads", "methods": [{"service": "user.v1.UserService"}],
              "circuitBreaker": {}}]}})");

  ASSERT_TRUE(client_->OverrideCircuit("reads", CircuitOverride::kOpen).ok());
  ASSERT_TRUE(client_->SetConfig(*ServiceConfig::Parse("{}")).ok());
  ASSERT_TRUE(Await([&] { return observer_->news().size() >= 3; }));
  client_.reset();

  EXPECT_THAT(observer_->news(), ElementsAre("client of user.v1.UserService", "circuit of reads forced open", "config reloaded",
                                             "end of the client of user.v1.UserService"));
}

TEST_F(ObserverTest, KnowsEveryMethodThatTheClientCalls) {
  Connect(RetryConfig());

  EXPECT_THAT(
      observer_->client().methods,
      UnorderedElementsAre("user.v1.UserService/GetUser", "user.v1.UserService/StreamActivity", "user.v1.UserService/ListUsers",
                           "user.v1.UserService/CreateUser", "user.v1.UserService/BatchCreateUsers",
                           "user.v1.UserService/WatchUsers", "user.v1.UserService/LookupUsers", "grpc.health.v1.Health/Check"));
  EXPECT_EQ(observer_->client().target, server_->address());
}

TEST_F(ObserverTest, ASnapshotFromTheObserverDoesNotKeepTheClient) {
  Connect(RetryConfig());
  const ObservedClient observed = observer_->client();
  ASSERT_TRUE(observed.snapshot());
  EXPECT_EQ(observed.snapshot()->service, "user.v1.UserService");

  client_.reset();

  EXPECT_EQ(observed.snapshot(), std::nullopt);
}

TEST_F(ObserverTest, SeveralHearTheSameAndTheListenersOfTheOptionsToo) {
  const auto other = std::make_shared<RecordingObserver>();
  std::vector<std::string> changes;
  Connect(
      R"({"userclient": {"bulkheads": [{"name": "reads", "methods": [{"service": "user.v1.UserService"}],
              "circuitBreaker": {}}]}})",
      {.on_circuit_change = [&](std::string_view compartment, const CircuitTransition&) { changes.emplace_back(compartment); },
       .observers = {observer_, other}});

  ASSERT_TRUE(client_->GetUser(AskFor("u-1")).ok());
  ASSERT_TRUE(client_->OverrideCircuit("reads", CircuitOverride::kOpen).ok());

  EXPECT_EQ(observer_->stories(), other->stories());
  EXPECT_EQ(observer_->news(), other->news());
  EXPECT_THAT(changes, ElementsAre("reads"));
}

TEST_F(ObserverTest, ANullObserverIsRefused) {
  const auto client =
      UserClient::Create({.target = "localhost:1", .credentials = Credentials::Insecure(), .observers = {observer_, nullptr}});

  EXPECT_EQ(client.status(), absl::InvalidArgumentError("observers[1]: is null"));
  EXPECT_THAT(observer_->news(), IsEmpty());
}

TEST_F(ObserverTest, TheSameObserverTwiceIsRefused) {
  const auto other = std::make_shared<RecordingObserver>();

  const auto client = UserClient::Create(
      {.target = "localhost:1", .credentials = Credentials::Insecure(), .observers = {observer_, other, observer_}});

  EXPECT_EQ(client.status(), absl::InvalidArgumentError("observers[0] and observers[2]: are the same; name each of them once"));
  EXPECT_THAT(observer_->news(), IsEmpty());
}

TEST(ObserverDeathTest, WhatThrowsAtTheStartOfACallEndsTheProcessLikeAllOthers) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  struct Thrower final : public Observer {
    std::unique_ptr<CallState> OnCallStart(const ObservedCall&, const CallOptions&) override {
      throw std::runtime_error("thrown by an observer");
    }
  };
  const auto call = [] {
    const auto client = UserClient::Create(
        {.target = "localhost:1", .credentials = Credentials::Insecure(), .observers = {std::make_shared<Thrower>()}});
    try {
      static_cast<void>(client->GetUser(AskFor("u-1")));
    } catch (const std::runtime_error&) {
      // So far it must not get.
      std::exit(0);
    }
  };

  EXPECT_DEATH(call(), "thrown by an observer");
}

TEST_F(ObserverTest, BlockingCallsOfTheClientAreRefusedInAnObserver) {
  struct Caller final : public Observer {
    void OnCallEnd(const ObservedCall&, const CallReport&, const absl::Status&, CallState*) override {
      if (std::exchange(called, true)) return;
      status = client->GetUser(AskFor("u-1")).status();
    }
    const UserClient* client = nullptr;
    bool called = false;
    absl::Status status;
  };
  const auto caller = std::make_shared<Caller>();
  Connect(RetryConfig(), {.observers = {caller}});
  caller->client = &*client_;

  ASSERT_TRUE(client_->GetUser(AskFor("u-1")).ok());

  EXPECT_EQ(caller->status.code(), StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace userclient::testing
