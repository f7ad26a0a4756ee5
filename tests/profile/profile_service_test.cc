// samples/profile_service over HTTP, in a process of its own, with a server behind it that is sick as the test says.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <regex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "tests/profile/profile_service_process.h"
#include "tests/profile/raw_client.h"
#include "userclient/testing/flaky_user_server.h"

namespace profile_service::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Contains;

using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::StartsWith;
using userclient::testing::Delay;
using userclient::testing::Fail;
using userclient::testing::FlakyUserServer;
using userclient::testing::Hang;
using userclient::testing::Program;

// Opens with the fourth failure and stays open for the rest of the test.
constexpr char kBreaker[] = R"({"window": "60s", "minimumCalls": 4, "failureRatio": 0.5, "openDuration": "60s"})";

class ProfileServiceTest : public ::testing::Test {
 protected:
  /// How most tests want it.
  std::vector<std::string> Flags(const std::string& config = Config()) const {
    return {"--config", directory_.Write("config.json", config), "--timeout", "20s", "--max-timeout", "30s"};
  }

  FlakyUserServer server_ = *FlakyUserServer::Start({.seed_users = 3, .seed_activity = 7});
  ScratchDirectory directory_;
};

Json Parsed(const httplib::Response& response) { return Json::parse(response.body); }

TEST_F(ProfileServiceTest, AProfileIsAUserAndWhatItDidOfLate) {
  const ProfileServiceProcess service(server_.address(), Flags());

  const httplib::Response response = service.Get("/profiles/u-1");

  ASSERT_EQ(response.status, 200);
  EXPECT_EQ(response.get_header_value("Content-Type"), "application/json");
  const Json profile = Parsed(response);
  EXPECT_EQ(profile["user_id"], "u-1");
  EXPECT_EQ(profile["email"], "user1@example.com");
  EXPECT_EQ(profile["source"], "user service");
  EXPECT_GE(profile["activities"].get<int>(), 7);
  ASSERT_THAT(profile["recent_activity"], SizeIs(5));
  EXPECT_GT(profile["recent_activity"][0]["event_id"], profile["recent_activity"][4]["event_id"]);
}

TEST_F(ProfileServiceTest, TheFirstFailureCancelsTheOtherCall) {
  const ProfileServiceProcess service(server_.address(), Flags());
  // It fails once the other is under way.
  server_.Script("GetUser", {Delay(3s)});
  server_.Script("StreamActivity", {Hang()});

  const httplib::Response response = service.Get("/profiles/nobody");

  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(Parsed(response)["code"], "NOT_FOUND");
  EXPECT_TRUE(server_.AwaitAttempts("StreamActivity", 1));
  EXPECT_EQ(service.Status()["client"]["calls_in_flight"], 0);
}

TEST_F(ProfileServiceTest, TheTimeoutOfTheRequestIsThatOfItsCalls) {
  const ProfileServiceProcess service(server_.address(), Flags());
  server_.Script("GetUser", {Hang()});

  const httplib::Response response = service.Get("/profiles/u-1", {{"X-Request-Timeout", "5s"}});

  EXPECT_EQ(response.status, 504);
  ASSERT_THAT(server_.requests(), SizeIs(2));
  EXPECT_THAT(*server_.requests()[0].time_left, Le(5050ms));
  EXPECT_THAT(*server_.requests()[1].time_left, Le(5050ms));
}

TEST_F(ProfileServiceTest, ATimeoutThatIsNoneIsTheCallersMistake) {
  const ProfileServiceProcess service(server_.address(), Flags());

  const httplib::Response response = service.Get("/profiles/u-1", {{"X-Request-Timeout", "soon"}});

  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.get_header_value("Content-Type"), "application/problem+json");
  EXPECT_THAT(Parsed(response)["detail"].get<std::string>(), HasSubstr("X-Request-Timeout: \"soon\""));
}

TEST_F(ProfileServiceTest, TraceAndRequestIdGoOnToTheServerAndIntoTheLog) {
  ProfileServiceProcess service(server_.address(), Flags());
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";

  const httplib::Response response =
      service.Get("/profiles/u-1", {{"traceparent", "00-" + trace + "-00f067aa0ba902b7-01"}, {"X-Request-Id", "request-7"}});

  EXPECT_EQ(response.get_header_value("X-Request-Id"), "request-7");
  for (const userclient::ReceivedAttempt& attempt : server_.requests()) {
    EXPECT_THAT(attempt.metadata, Contains(Pair("traceparent", StartsWith("00-" + trace + "-"))));
    EXPECT_THAT(attempt.metadata, Contains(Pair("x-request-id", "request-7")));
  }
  const Json line = service.NextRequestLogged();
  EXPECT_EQ(line["path"], "/profiles/u-1");
  EXPECT_EQ(line["status"], 200);
  EXPECT_EQ(line["request_id"], "request-7");
  EXPECT_EQ(line["trace_id"], trace);
}

std::string RequestOf(const std::string& path) { return "GET " + path + " HTTP/1.1\r\nHost: test\r\n\r\n"; }

TEST_F(ProfileServiceTest, AClientThatLeavesCancelsItsCalls) {
  ProfileServiceProcess service(server_.address(), Flags());
  server_.Script("GetUser", {Hang()});
  server_.Script("StreamActivity", {Hang()});
  RawClient client(service.port());
  client.Send(RequestOf("/profiles/u-1"));
  ASSERT_TRUE(server_.AwaitAttempts("GetUser", 1));
  ASSERT_TRUE(server_.AwaitAttempts("StreamActivity", 1));

  client.Leave();

  const Json line = service.NextRequestLogged();
  EXPECT_EQ(line["status"], 499);
  EXPECT_LT(line["duration"].get<double>(), 20);
  EXPECT_EQ(service.Status()["client"]["calls_in_flight"], 0);
}

TEST_F(ProfileServiceTest, AClientThatOnlySendsNoMoreGetsItsProfile) {
  const ProfileServiceProcess service(server_.address(), Flags());
  server_.Script("GetUser", {Delay(500ms)});
  const RawClient client(service.port());

  client.Send(RequestOf("/profiles/u-1"));
  client.EndSending();

  EXPECT_THAT(client.ReadAll(), AllOf(HasSubstr("HTTP/1.1 200 OK\r\n"), HasSubstr("user1@example.com")));
}

TEST_F(ProfileServiceTest, ARangeDoesNotCutAProfile) {
  const ProfileServiceProcess service(server_.address(), Flags());

  const httplib::Response response = service.Get("/profiles/u-1", {{"Range", "bytes=0-9"}});

  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(Parsed(response)["email"], "user1@example.com");
}

TEST_F(ProfileServiceTest, ALogThatNobodyReadsHoldsNobodyUp) {
  const ProfileServiceProcess service(server_.address(), Flags());

  // Twice what a pipe holds.
  for (int i = 0; i < 800; ++i) ASSERT_EQ(service.Get("/nothing/here").status, 404);

  EXPECT_EQ(service.Status()["service"]["log_lines_lost"], 0);
}

TEST_F(ProfileServiceTest, WhileTheCircuitIsOpenTheLastAnswerStandsInAndSaysSo) {
  const ProfileServiceProcess service(server_.address(), Flags(Config(kBreaker)));
  ASSERT_EQ(service.Get("/profiles/u-1").status, 200);
  server_.ScriptRepeatedly("GetUser", {Fail(absl::StatusCode::kUnavailable)});

  const httplib::Response response = service.GetUntil("/profiles/u-1", [](const httplib::Response& answer) {
    return answer.status != 200 || Parsed(answer).value("reason", "") == "circuit_open";
  });

  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.get_header_value("X-Profile-Source"), "fallback");
  EXPECT_EQ(Parsed(response)["source"], "fallback");
  EXPECT_EQ(Parsed(response)["email"], "user1@example.com");
}

TEST_F(ProfileServiceTest, WhileTheCircuitIsOpenWhatIsNotKnownIsRefusedWithTheTimeToWait) {
  const ProfileServiceProcess service(server_.address(), Flags(Config(kBreaker)));
  server_.ScriptRepeatedly("GetUser", {Fail(absl::StatusCode::kUnavailable)});

  const httplib::Response response = service.GetUntil(
      "/profiles/u-2", [](const httplib::Response& answer) { return Parsed(answer).value("rejection", "") == "circuit_open"; });

  EXPECT_EQ(response.status, 503);
  int seconds = 0;
  ASSERT_TRUE(absl::SimpleAtoi(response.get_header_value("Retry-After"), &seconds));
  EXPECT_THAT(seconds, AllOf(Ge(1), Le(60)));
}

TEST_F(ProfileServiceTest, AFullCompartmentRefusesAtOnce) {
  const ProfileServiceProcess service(server_.address(), Flags(Config("", /*seats=*/1)));
  server_.Script("GetUser", {Hang()});
  const RawClient first(service.port());
  first.Send(RequestOf("/profiles/u-1"));
  ASSERT_TRUE(server_.AwaitAttempts("GetUser", 1));

  const httplib::Response response = service.Get("/profiles?page_size=1");

  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(Parsed(response)["rejection"], "bulkhead_full");
  EXPECT_EQ(response.get_header_value("Retry-After"), "1");
}

TEST_F(ProfileServiceTest, HoweverManyRequestsHangProbesAreAnswered) {
  std::vector<std::string> flags = Flags();
  flags.insert(flags.end(), {"--threads", "8"});
  const ProfileServiceProcess service(server_.address(), flags);
  server_.ScriptRepeatedly("GetUser", {Hang()});
  std::vector<std::unique_ptr<RawClient>> hanging;
  for (int i = 0; i < 7; ++i) {
    hanging.push_back(std::make_unique<RawClient>(service.port()));
    hanging.back()->Send(RequestOf("/profiles/u-1"));
  }
  ASSERT_TRUE(server_.AwaitAttempts("GetUser", 7));

  const httplib::Response alive = service.Get("/healthz");
  const httplib::Response refused = service.Get("/profiles/u-1");

  EXPECT_EQ(alive.status, 200);
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.get_header_value("Retry-After"), "1");
  EXPECT_EQ(server_.attempts("GetUser"), 7);
}

TEST_F(ProfileServiceTest, OperationsOfTheirOwnAreNotForEverybody) {
  std::vector<std::string> flags = Flags();
  flags.insert(flags.end(), {"--operations-listen", "127.0.0.1:0"});
  const ProfileServiceProcess service(server_.address(), flags);

  for (const char* path : {"/", "/status.json", "/metrics", "/healthz", "/readyz"}) {
    EXPECT_EQ(service.Get(path).status, 404) << path;
    EXPECT_NE(service.GetOperations(path).status, 404) << path;
  }
  EXPECT_EQ(service.Get("/profiles/u-1").status, 200);
  EXPECT_EQ(service.GetOperations("/profiles/u-1").status, 404);
}

TEST_F(ProfileServiceTest, HoweverManyClientsAreSlowProbesOfTheirOwnListenerAreAnswered) {
  std::vector<std::string> flags = Flags();
  flags.insert(flags.end(), {"--threads", "8", "--operations-listen", "127.0.0.1:0"});
  const ProfileServiceProcess service(server_.address(), flags);
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 16; ++i) {
    slow.push_back(std::make_unique<RawClient>(service.port()));
    slow.back()->Send("G");
  }

  const httplib::Response alive = service.GetOperations("/healthz");

  EXPECT_EQ(alive.status, 200);
  for (const auto& client : slow) EXPECT_FALSE(client->AwaitAnything(0ms)) << "it was not there any more";
}

TEST_F(ProfileServiceTest, ProfilesAreListedPageByPage) {
  const ProfileServiceProcess service(server_.address(), Flags());

  const Json first = Parsed(service.Get("/profiles?page_size=2"));
  const Json second = Parsed(service.Get("/profiles?page_size=2&page_token=" + first["next_page_token"].get<std::string>()));

  EXPECT_THAT(first["profiles"], SizeIs(2));
  EXPECT_EQ(first["total_count"], 3);
  ASSERT_THAT(second["profiles"], SizeIs(1));
  EXPECT_EQ(second["profiles"][0]["user_id"], "u-3");
  EXPECT_EQ(second["next_page_token"], "");
}

TEST_F(ProfileServiceTest, AKeyMakesACreateRepeatable) {
  const ProfileServiceProcess service(server_.address(), Flags());
  const std::string body = R"({"email": "new@example.com", "display_name": "New"})";

  const httplib::Response first = service.Post("/profiles", body, {{"Idempotency-Key", "key-1"}});
  const httplib::Response again = service.Post("/profiles", body, {{"Idempotency-Key", "key-1"}});
  const httplib::Response other = service.Post("/profiles", body, {{"Idempotency-Key", "key-2"}});

  ASSERT_EQ(first.status, 201);
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(Parsed(again)["user_id"], Parsed(first)["user_id"]);
  EXPECT_EQ(first.get_header_value("Location"), "/profiles/" + Parsed(first)["user_id"].get<std::string>());
  EXPECT_EQ(other.status, 409);
}

TEST_F(ProfileServiceTest, AWrongBodyIsNamed) {
  const ProfileServiceProcess service(server_.address(), Flags());

  EXPECT_THAT(Parsed(service.Post("/profiles", "{"))["detail"].get<std::string>(), HasSubstr("no JSON object"));
  EXPECT_THAT(Parsed(service.Post("/profiles", R"({"emial": "x"})"))["detail"].get<std::string>(),
              HasSubstr("emial: is unknown"));
  EXPECT_THAT(Parsed(service.Post("/profiles", R"({"email": 7})"))["detail"].get<std::string>(),
              HasSubstr("email: must be a string"));
  EXPECT_EQ(server_.attempts("CreateUser"), 0);
  const httplib::Response bad_email = service.Post("/profiles", R"({"email": "nobody"})");
  EXPECT_EQ(bad_email.status, 400);
  EXPECT_EQ(Parsed(bad_email)["fields"][0]["field"], "email");
}

TEST_F(ProfileServiceTest, AnIdMayHaveAnySigns) {
  const ProfileServiceProcess service(server_.address(), Flags());

  EXPECT_EQ(Parsed(service.Get("/profiles/%75%2D1"))["user_id"], "u-1");
  EXPECT_EQ(Parsed(service.Get("/profiles/a%2Fb%0A"))["code"], "NOT_FOUND");
  EXPECT_THAT(Parsed(service.Get("/profiles/100%"))["detail"].get<std::string>(), HasSubstr("no percent-encoding"));
}

TEST_F(ProfileServiceTest, WhatIsNotThereIsAnsweredInJsonToo) {
  const ProfileServiceProcess service(server_.address(), Flags());

  const httplib::Response response = service.Get("/nothing/here");

  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.get_header_value("Content-Type"), "application/problem+json");
  EXPECT_EQ(Parsed(response)["status"], 404);
  EXPECT_EQ(service.Post("/profiles", std::string(100'000, ' ')).status, 413);
  EXPECT_EQ(service.Get("/profiles/" + std::string(10'000, 'a')).status, 414);
}

TEST_F(ProfileServiceTest, IsAliveWithoutAServerAndReadyOnceThereIsOne) {
  server_.Stop();
  const ProfileServiceProcess service(server_.address(), Flags());

  const httplib::Response alive = service.Get("/healthz");
  const httplib::Response not_ready = service.Get("/readyz");
  ASSERT_TRUE(server_.Restart().ok());
  const httplib::Response ready =
      service.GetUntil("/readyz", [](const httplib::Response& answer) { return answer.status == 200; });

  EXPECT_EQ(alive.status, 200);
  EXPECT_EQ(not_ready.status, 503);
  EXPECT_EQ(Parsed(not_ready)["status"], "connecting");
  EXPECT_EQ(Parsed(ready)["status"], "ready");
}

TEST_F(ProfileServiceTest, StaysReadyWhenTheServerIsGone) {
  const ProfileServiceProcess service(server_.address(), Flags());
  service.GetUntil("/readyz", [](const httplib::Response& answer) { return answer.status == 200; });

  server_.Stop();
  const httplib::Response failed = service.Get("/profiles/u-1");

  EXPECT_EQ(failed.status, 503);
  EXPECT_EQ(service.Get("/readyz").status, 200);
}

TEST_F(ProfileServiceTest, TheStatusHasTheSnapshotAndTheFigures) {
  const ProfileServiceProcess service(server_.address(), Flags(Config(kBreaker)));
  ASSERT_EQ(service.Get("/profiles/u-1").status, 200);

  const Json status = Json::parse(
      service
          .GetUntil("/status.json",
                    [](const httplib::Response& answer) { return Parsed(answer)["live"]["all"]["recent"]["calls"] == 2; })
          .body);

  EXPECT_EQ(status["service"]["name"], "profile_service");
  EXPECT_EQ(status["client"]["service"], "user.v1.UserService");
  EXPECT_EQ(status["client"]["traffic"]["calls"], 2);
  ASSERT_THAT(status["client"]["compartments"], SizeIs(Ge(3u)));
  EXPECT_THAT(status["live"]["all"]["calls"], SizeIs(119));
  EXPECT_THAT(status["live"]["compartments"], SizeIs(2));
  EXPECT_GT(status["live"]["all"]["recent"]["p99"].get<double>(), 0);
  ASSERT_THAT(status["live"]["endpoints"], SizeIs(1));
  const Json endpoint = status["live"]["endpoints"][0];
  EXPECT_EQ(endpoint["peer"], "ipv4:" + server_.address());
  EXPECT_THAT(endpoint["attempts"], SizeIs(119));
  EXPECT_EQ(endpoint["recent"]["attempts"], 2);
  EXPECT_EQ(endpoint["recent"]["failed"], 0);
  EXPECT_GT(endpoint["recent"]["mean"].get<double>(), 0);
}

TEST_F(ProfileServiceTest, AServerThatFailsIsToldFromOneThatSaysNo) {
  const ProfileServiceProcess service(server_.address(), Flags());
  server_.Script("ListUsers", {Fail(absl::StatusCode::kUnavailable)});
  ASSERT_EQ(service.Get("/profiles/nobody").status, 404);
  ASSERT_EQ(service.Get("/profiles").status, 503);

  const Json live = Parsed(service.GetUntil("/status.json", [](const httplib::Response& answer) {
    return Parsed(answer)["live"]["all"]["recent"]["calls"] == 3;
  }))["live"];

  const Json recent = live["all"]["recent"];
  EXPECT_GE(recent["declined"], 1);
  EXPECT_EQ(recent["failed"].get<int>() - recent["declined"].get<int>(), 1);
  ASSERT_THAT(live["endpoints"], SizeIs(1));
  EXPECT_EQ(live["endpoints"][0]["recent"]["failed"], 1);
}

TEST_F(ProfileServiceTest, MetricsAreThere) {
  const ProfileServiceProcess service(server_.address(), Flags());
  ASSERT_EQ(service.Get("/profiles/u-1").status, 200);

  // A call is counted when it has ended, a moment after its answer may be there.
  const httplib::Response response = service.GetUntil("/metrics", [](const httplib::Response& answer) {
    return !HAS_PROMETHEUS || answer.body.find("user.v1.UserService/GetUser") != std::string::npos;
  });

  if (!HAS_PROMETHEUS) {
    EXPECT_EQ(response.status, 501);
    return;
  }
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.get_header_value("Content-Type"), StartsWith("text/plain; version=0.0.4"));
  EXPECT_THAT(response.body, HasSubstr("grpc_client_call_duration_seconds"));
  EXPECT_THAT(response.body, HasSubstr("user.v1.UserService/GetUser"));
}

TEST_F(ProfileServiceTest, AfterSigtermItAnswersWhatIsUnderWayAndTakesNoMore) {
  std::vector<std::string> flags = Flags();
  flags.insert(flags.end(), {"--drain-notice", "4s"});
  ProfileServiceProcess service(server_.address(), flags);
  service.GetUntil("/readyz", [](const httplib::Response& answer) { return answer.status == 200; });
  server_.Script("GetUser", {Delay(6s)});
  auto under_way = std::async(std::launch::async, [&] { return service.Get("/profiles/u-1"); });
  ASSERT_TRUE(server_.AwaitAttempts("GetUser", 1));

  service.program().Signal(SIGTERM);
  const httplib::Response draining =
      service.GetUntil("/readyz", [](const httplib::Response& answer) { return answer.status == 503; });
  const httplib::Response answered = under_way.get();
  const Program::Result ended = service.program().Wait();

  EXPECT_EQ(Parsed(draining)["status"], "draining");
  EXPECT_EQ(answered.status, 200);
  EXPECT_EQ(ended.exit_status, 0);
  EXPECT_EQ(ended.err, "");
}

TEST_F(ProfileServiceTest, SendsThoseAwayWhoKeepTheirConnections) {
  std::vector<std::string> flags = Flags();
  flags.insert(flags.end(), {"--drain-notice", "60s"});
  ProfileServiceProcess service(server_.address(), flags);
  httplib::Client client(service.host(), service.port());
  client.set_keep_alive(true);
  client.set_read_timeout(30s);
  const httplib::Result before = client.Get("/healthz");

  service.program().Signal(SIGTERM);
  service.GetUntil("/readyz", [](const httplib::Response& answer) { return answer.status == 503; });
  // /readyz says so a moment before the listeners are told.
  const auto limit = std::chrono::steady_clock::now() + 30s;
  httplib::Result draining = client.Get("/healthz");
  while (draining && draining->get_header_value("Connection") != "close" && std::chrono::steady_clock::now() < limit) {
    draining = client.Get("/healthz");
  }

  ASSERT_TRUE(before && draining);
  EXPECT_NE(before->get_header_value("Connection"), "close");
  EXPECT_EQ(draining->status, 200);
  EXPECT_EQ(draining->get_header_value("Connection"), "close");
}

TEST_F(ProfileServiceTest, WhatTakesLongerThanTheDrainLimitIsCutOff) {
  std::vector<std::string> flags = Flags();
  flags.insert(flags.end(), {"--drain-notice", "0s", "--drain-limit", "200ms"});
  ProfileServiceProcess service(server_.address(), flags);
  server_.Script("GetUser", {Hang()});
  auto under_way = std::async(std::launch::async, [&] { return service.Get("/profiles/u-1"); });
  ASSERT_TRUE(server_.AwaitAttempts("GetUser", 1));

  service.program().Signal(SIGTERM);
  const httplib::Response answered = under_way.get();
  const Program::Result ended = service.program().Wait();

  EXPECT_EQ(answered.status, 503);
  EXPECT_EQ(ended.exit_status, 1);
  EXPECT_THAT(ended.err, HasSubstr("--drain-limit"));
}

TEST_F(ProfileServiceTest, AClientThatDribblesDoesNotKeepItFromEnding) {
  std::vector<std::string> flags = Flags();
  flags.insert(flags.end(), {"--drain-notice", "0s", "--drain-limit", "200ms"});
  ProfileServiceProcess service(server_.address(), flags);
  const RawClient client(service.port());
  client.Send("POST /profiles HTTP/1.1\r\nHost: test\r\nContent-Length: 60000\r\nExpect: 100-continue\r\n\r\n");
  ASSERT_EQ(client.ReadExactly(25), "HTTP/1.1 100 Continue\r\n\r\n");
  auto dribbling = std::async(std::launch::async, [&] { return client.DribbleUntilAnswered(); });

  service.program().Signal(SIGTERM);
  const Program::Result ended = service.program().Wait();

  EXPECT_EQ(ended.exit_status, 1);
  EXPECT_THAT(ended.err, HasSubstr("--drain-limit"));
  EXPECT_TRUE(dribbling.get());
}

Program::Result Execute(const std::vector<std::string>& flags) {
  std::vector<std::string> arguments = {PROFILE_SERVICE_PROGRAM};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return Program(arguments).Wait();
}

TEST(ProfileServiceFlagsTest, WrongUsageSaysWhatToChange) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> mistakes = {
      {{}, "--target is required"},
      {{"--target", "127.0.0.1:1", "--listen", "8080"}, "--listen: \"8080\" is no HOST:PORT"},
      {{"--target", "127.0.0.1:1", "--listen", "127.0.0.1:0", "--operations-listen", "8081"},
       "--operations-listen: \"8081\" is no HOST:PORT"},
      {{"--target", "127.0.0.1:1", "--timeout", "fast"}, "\"fast\" is no duration"},
      {{"--target", "127.0.0.1:1", "--max-timeout", "1s"}, "--max-timeout: must not be less than --timeout"},
      {{"--target", "127.0.0.1:1", "--cert", "c.pem"}, "--cert: needs --key"},
      {{"--target", "127.0.0.1:1", "--token-file", "t"}, "--token-file: a token is only sent over TLS"},
      {{"--target", "127.0.0.1:1", "--log-calls", "some"}, "--log-calls"},
  };
  for (const auto& [flags, message] : mistakes) {
    const Program::Result ended = Execute(flags);

    EXPECT_EQ(ended.exit_status, 2) << message;
    EXPECT_THAT(ended.err, HasSubstr(message));
  }
}

TEST(ProfileServiceFlagsTest, FilesThatAreNotThereAreNamedByTheirFlag) {
  const Program::Result config = Execute({"--target", "127.0.0.1:1", "--config", "/nowhere/config.json"});
  const Program::Result ca = Execute({"--target", "127.0.0.1:1", "--ca", "/nowhere/ca.pem"});

  EXPECT_EQ(config.exit_status, 1);
  EXPECT_THAT(config.err, HasSubstr("/nowhere/config.json"));
  EXPECT_EQ(ca.exit_status, 1);
  EXPECT_THAT(ca.err, AllOf(HasSubstr("--ca"), HasSubstr("/nowhere/ca.pem")));
}

TEST(ProfileServiceFlagsTest, APortThatIsTakenIsNotShared) {
  const ProfileServiceProcess first("127.0.0.1:1");

  const Program::Result second = Execute({"--target", "127.0.0.1:1", "--listen", "127.0.0.1:" + std::to_string(first.port())});

  EXPECT_EQ(second.exit_status, 1);
  EXPECT_THAT(second.err, HasSubstr("--listen: cannot listen on 127.0.0.1:"));
}

std::string TextOf(const std::string& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

TEST(OperationsDocumentTest, NamesOnlyMetricsThatThereAre) {
  const std::string operations = TextOf(OPERATIONS_DOCUMENT);
  const std::string telemetry = TextOf(TELEMETRY_DOCUMENT);
  const std::regex metric("(grpc_client|userclient)_[a-z_]+");
  const std::set<std::string> labels = {"userclient_compartment", "userclient_state", "userclient_reason", "userclient_event",
                                        "userclient_rejection"};
  int metrics = 0;

  for (std::sregex_iterator found(operations.begin(), operations.end(), metric); found != std::sregex_iterator(); ++found) {
    const std::string name = std::regex_replace(found->str(), std::regex("_(count|bucket|sum)$"), "");
    if (labels.contains(name)) continue;
    EXPECT_THAT(telemetry, HasSubstr("`" + name + "`"));
    ++metrics;
  }

  EXPECT_GT(metrics, 10);
}

}  // namespace
}  // namespace profile_service::testing
