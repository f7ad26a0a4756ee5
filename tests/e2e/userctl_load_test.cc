// userctl load, as a person and a script meet it. Real servers, real processes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/e2e/patient_config.h"
#include "tests/e2e/program.h"
#include "tests/server/temporary_directory.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Not;
using ::testing::StartsWith;
using namespace std::chrono_literals;

constexpr int kWrongUsage = 2;
constexpr int kCancelled = 65;
constexpr int kNotFound = 69;
constexpr int kUnavailable = 78;
constexpr char kGet[] = "GetUser";

/// Longer than a thread on a busy machine waits for its turn: what is due meanwhile is there when it is over.
constexpr auto kLongDelay = 1500ms;

/// Against a healthy server that knows u-1, u-2 and u-3, unless the test makes it sick; by the config that is built in, with
/// patience.
class UserctlLoadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 3});
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));
  }

  std::vector<std::string> CommandLine(const std::vector<std::string>& arguments) const {
    std::vector<std::string> all = {USERCTL_PROGRAM, "--target", server_->address(), "--config", config_};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }

  Program::Result Load(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "load");
    return Program(CommandLine(arguments)).Wait();
  }

  /// What it says as JSON.
  json LoadJson(std::vector<std::string> arguments) const {
    arguments.emplace_back("--json");
    const Program::Result load = Load(std::move(arguments));
    exit_status_ = load.exit_status;
    EXPECT_THAT(load.err, IsEmpty());
    return json::parse(load.out, nullptr, /*allow_exceptions=*/false)["load"];
  }

  const TemporaryDirectory directory_;
  std::string config_ = directory_.Write("patient.json", PatientConfig(DEFAULT_SERVICE_CONFIG)).string();
  std::optional<FlakyUserServer> server_;
  mutable int exit_status_ = -1;
};

// ---- pace

TEST_F(UserctlLoadTest, AnOpenLoopBeginsCallsAtItsRate) {
  json load = LoadJson({"u-1", "--rate", "200", "--calls", "51"});

  EXPECT_EQ(exit_status_, 0);
  EXPECT_EQ(load["calls"], 51);
  EXPECT_EQ(load["ok"], 51);
  EXPECT_THAT(load["latency_ms"]["ok"]["p95"].get<double>(),
              AllOf(Ge(load["latency_ms"]["ok"]["p90"].get<double>()), Le(load["latency_ms"]["ok"]["p99"].get<double>())));
  // The last is due after 50 / 200 s.
  EXPECT_THAT(load["elapsed_s"].get<double>(), Ge(0.25));
  EXPECT_EQ(load["plan"]["rate"], 200);
  EXPECT_EQ(server_->calls(kGet), 51);
}

TEST_F(UserctlLoadTest, AClosedLoopMakesOneCallAfterTheOther) {
  server_->ScriptRepeatedly(kGet, {Delay(20ms)});

  json load = LoadJson({"u-1", "--concurrency", "2", "--calls", "10"});

  EXPECT_EQ(exit_status_, 0);
  EXPECT_EQ(load["calls"], 10);
  EXPECT_EQ(load["plan"]["concurrency"], 2);
  // Each of the two callers makes five at the least, or the other one more.
  EXPECT_THAT(load["elapsed_s"].get<double>(), Ge(0.1));
}

TEST_F(UserctlLoadTest, TheDurationEndsIt) {
  json load = LoadJson({"u-1", "--rate", "100", "--duration", "200ms"});

  EXPECT_EQ(load["calls"].get<int>() + load["never_begun"].get<int>(), 20);
  EXPECT_EQ(load["calls"], server_->calls(kGet));
  EXPECT_EQ(load["plan"]["duration_s"], 0.2);
}

TEST_F(UserctlLoadTest, TheLastCallOfADurationHasItsShareOfTheTime) {
  json load = LoadJson({"u-1", "--rate", "5", "--duration", "400ms"});

  EXPECT_THAT(load["elapsed_s"].get<double>(), Ge(0.4));
  EXPECT_THAT(load["calls_per_second"].get<double>(), Le(5)) << "two calls, the second of them after 200 ms";
}

TEST_F(UserctlLoadTest, AWarmUpIsNotCounted) {
  for (const std::string pace : {"--rate", "--concurrency"}) {
    server_->Script(kGet, {Fail(StatusCode::kNotFound), Delay(20ms).Times(10'000)});

    json load = LoadJson({"u-1", pace, "10", "--warm-up", "2s", "--calls", "5"});

    EXPECT_EQ(exit_status_, 0);
    EXPECT_EQ(load["calls"], 5);
    EXPECT_EQ(load["failed"], 0) << "the first call failed, to warm up";
    EXPECT_EQ(load["plan"]["warm_up_s"], 2);
    EXPECT_THAT(server_->calls(kGet), Ge(6));
  }
}

TEST_F(UserctlLoadTest, ABreakerThatTheWarmUpHasOpenedIsSeenAsOpen) {
  config_ = directory_.Write("config.json", R"({
    "methodConfig": [{"name": [{}], "timeout": "20s"}],
    "userclient": {"bulkheads": [{"name": "reads", "methods": [{}],
                                  "circuitBreaker": {"consecutiveFailures": 2, "openDuration": "60s"}}]}})");
  server_->ScriptRepeatedly(kGet, {Fail(StatusCode::kInternal, "broken")});

  json load = LoadJson({"u-1", "--concurrency", "1", "--warm-up", "2s", "--calls", "1"});

  EXPECT_EQ(server_->calls(kGet), 2) << "both to warm up";
  EXPECT_EQ(load["circuits"]["reads"]["state"], "open");
  for (const json& transition : load["circuits"]["reads"]["transitions"]) EXPECT_THAT(transition["at_s"].get<double>(), Ge(0));
}

TEST_F(UserctlLoadTest, LatencyCountsFromWhenACallWasDueAlsoWhenItHadToWait) {
  server_->ScriptRepeatedly(kGet, {Delay(kLongDelay)});

  json load = LoadJson({"u-1", "--rate", "100", "--calls", "3", "--max-in-flight", "1"});

  // One after the other they take 4500 ms, and the last was due after 20.
  EXPECT_THAT(load["latency_ms"]["ok"]["max"].get<double>(), Ge(4480));
  EXPECT_THAT(load["latency_ms"]["ok"]["p50"].get<double>(), Ge(2990));
  EXPECT_THAT(load["latency_ms"]["ok"]["min"].get<double>(), Ge(1500));
  EXPECT_EQ(load["waited_for_room"], 2);
}

TEST_F(UserctlLoadTest, TheBoundOnCallsInFlightIsToldWhenItIsHit) {
  server_->ScriptRepeatedly(kGet, {Delay(kLongDelay)});

  const Program::Result load = Load({"u-1", "--rate", "100", "--calls", "3", "--max-in-flight", "1"});

  EXPECT_THAT(load.err, HasSubstr("userctl: load: 1 calls are under way, the most that --max-in-flight allows: from now on calls "
                                  "begin late"));
  EXPECT_THAT(load.out,
              HasSubstr("2 times a call that was due waited, because 1 were under way (--max-in-flight); the latest began "));
}

TEST_F(UserctlLoadTest, WhatWasDueAndNeverBeganIsTold) {
  server_->ScriptRepeatedly(kGet, {Delay(500ms)});

  json load = LoadJson({"u-1", "--rate", "100", "--duration", "300ms", "--max-in-flight", "1"});

  EXPECT_EQ(load["calls"], 1);
  EXPECT_EQ(load["never_begun"], 29);
}

TEST_F(UserctlLoadTest, AMachineThatIsTooSlowForTheRateIsNotTakenForASlowServer) {
  // Due within 10 ms, which is 1 us for each.
  const std::vector<std::string> plan = {"u-1", "--rate", "1000000", "--calls", "10000", "--max-in-flight", "1000000"};

  json load = LoadJson(plan);
  const Program::Result told = Load(plan);

  EXPECT_EQ(load["waited_for_room"], 0);
  EXPECT_EQ(load["machine_is_too_slow"], true);
  EXPECT_EQ(load["latest_start_by_machine_ms"], load["latest_start_ms"]);
  EXPECT_THAT(told.out, HasSubstr("\nthis machine could not keep the rate: calls for which there was room began up to "));
}

TEST_F(UserctlLoadTest, ASlowServerIsNotTakenForAMachineThatIsTooSlow) {
  server_->ScriptRepeatedly(kGet, {Delay(kLongDelay)});

  json load = LoadJson({"u-1", "--rate", "20", "--calls", "3", "--max-in-flight", "1"});

  // The last was due after 100 ms, and began when two were over.
  EXPECT_THAT(load["latest_start_ms"].get<double>(), Ge(2900));
  EXPECT_LT(load["latest_start_by_machine_ms"].get<double>(), load["latest_start_ms"].get<double>() - 1000);
}

TEST_F(UserctlLoadTest, AnOpenLoopHasMoreCallsInFlightThanTheCompartmentTakes) {
  server_->ScriptRepeatedly(kGet, {Hang()});

  json load = LoadJson({"u-1", "--rate", "100000", "--calls", "1500", "--timeout", "5s"});

  // The built-in config has 1024 seats for reads; the breaker may open before all have been asked for.
  EXPECT_THAT(load["rejections"].value("bulkhead_full", 0) + load["rejections"].value("circuit_open", 0), Gt(0));
  EXPECT_EQ(load["failed"], 1500);
  EXPECT_THAT(server_->calls(kGet), Gt(100));
}

// ---- what is called

TEST_F(UserctlLoadTest, WithoutIdsItAsksForThoseThatTheServerHas) {
  json load = LoadJson({"--concurrency", "1", "--calls", "6"});

  EXPECT_EQ(load["ok"], 6);
  EXPECT_EQ(server_->calls("ListUsers"), 1);
  EXPECT_EQ(server_->calls(kGet), 6);
}

TEST_F(UserctlLoadTest, ARangeOfIdsIsAskedForInTurn) {
  json load = LoadJson({"u-{2..5}", "--concurrency", "1", "--calls", "8"});

  // There is no u-4 and no u-5.
  EXPECT_EQ(load["codes"]["OK"]["calls"], 4);
  EXPECT_EQ(load["codes"]["NOT_FOUND"]["calls"], 4);
  EXPECT_EQ(exit_status_, kNotFound);
  EXPECT_EQ(server_->calls("ListUsers"), 0);
}

TEST_F(UserctlLoadTest, AMixKeepsItsProportions) {
  json load = LoadJson({"u-1", "--mix", "get=3,create=1", "--concurrency", "2", "--calls", "40"});

  EXPECT_EQ(exit_status_, 0);
  EXPECT_EQ(server_->calls(kGet), 30);
  EXPECT_EQ(server_->calls("CreateUser"), 10);
  EXPECT_EQ(load["kinds"], json::parse(R"({"get": {"calls": 30, "failed": 0}, "create": {"calls": 10, "failed": 0}})"));
}

// ---- what became of them

TEST_F(UserctlLoadTest, EndsWithTheStatusOfTheCommonestFailure) {
  server_->Script(kGet,
                  {Fail(StatusCode::kPermissionDenied, "not yours").Times(2), Fail(StatusCode::kNotFound, "gone").Times(3)});

  json load = LoadJson({"u-1", "--concurrency", "1", "--calls", "10"});

  EXPECT_EQ(exit_status_, kNotFound);
  EXPECT_EQ(load["failed"], 5);
  EXPECT_EQ(load["codes"]["PERMISSION_DENIED"], json::parse(R"({"calls": 2, "first_message": "not yours"})"));
  EXPECT_EQ(load["codes"]["NOT_FOUND"]["calls"], 3);
  EXPECT_EQ(load["latency_ms"]["failed"]["count"], 5);
}

TEST_F(UserctlLoadTest, CountsAttemptsRetriesAndCallsThatTheyRescued) {
  server_->Script(kGet, {Fail(StatusCode::kUnavailable), Fail(StatusCode::kUnavailable), Ok(), Ok(),
                         Fail(StatusCode::kUnavailable).WithPushback(1ms), Ok()});

  json load = LoadJson({"u-1", "--concurrency", "1", "--calls", "3"});

  EXPECT_EQ(exit_status_, 0);
  json& attempts = load["attempts"];
  EXPECT_EQ(attempts["total"], 6);
  EXPECT_EQ(attempts["further"]["retry"], 2);
  EXPECT_EQ(attempts["further"]["pushback"], 1);
  EXPECT_EQ(attempts["calls_by_attempts"], json::parse(R"({"1": 1, "2": 1, "3": 1})"));
  EXPECT_EQ(attempts["rescued_calls"], 2);
  EXPECT_EQ(load["servers"]["ipv4:" + server_->address()], json::parse(R"({"attempts": 6, "failed": 3})"));
}

TEST_F(UserctlLoadTest, ShowsHowTheBreakerOpensAndCountsWhatItRefuses) {
  server_->ScriptRepeatedly(kGet, {Fail(StatusCode::kInternal, "broken")});

  json load = LoadJson({"u-1", "--concurrency", "1", "--calls", "30"});

  // The built-in config opens it after 20 calls.
  EXPECT_EQ(server_->calls(kGet), 20);
  EXPECT_EQ(load["codes"]["INTERNAL"]["calls"], 20);
  EXPECT_EQ(load["rejections"], json::parse(R"({"circuit_open": 10})"));
  json& reads = load["circuits"]["reads"];
  EXPECT_EQ(reads["state"], "open");
  ASSERT_EQ(reads["transitions"].size(), 1);
  EXPECT_EQ(reads["transitions"][0]["to"], "open");
  EXPECT_EQ(reads["transitions"][0]["cause"], "failure_ratio");
  EXPECT_EQ(reads["transitions"][0]["failures"], 20);
  // What the client refuses says nothing about the server.
  EXPECT_EQ(load["latency_ms"]["failed"]["count"], 20);
}

TEST_F(UserctlLoadTest, TellsWhatTheBreakerDoesWhenItDoesIt) {
  server_->ScriptRepeatedly(kGet, {Fail(StatusCode::kInternal, "broken")});

  const Program::Result load = Load({"u-1", "--concurrency", "1", "--calls", "30"});

  const std::string change = "closed -> open: failure ratio reached (20 of 20 calls failed), tries again in ";
  EXPECT_THAT(load.err, HasSubstr("s: breaker of reads: " + change));
  EXPECT_THAT(load.out, AllOf(HasSubstr("\nbreaker of reads: open\n"), HasSubstr(change),
                              HasSubstr("\nrefused by the client itself, nothing sent: kCircuitOpen 10\n")));
}

// ---- how it is told

TEST_F(UserctlLoadTest, TheSummaryFitsTheTerminal) {
  server_->Script(kGet, {Delay(30ms).Times(3), Fail(StatusCode::kNotFound)});

  const Program::Result load =
      Program(CommandLine({"load", "u-1", "--concurrency", "1", "--calls", "200"}), {{"COLUMNS", "60"}}).Wait();

  EXPECT_THAT(load.out, AllOf(StartsWith("200 calls (get) of " + server_->address() + " in "),
                              HasSubstr("\n199 OK, 1 failed (0.5 %)\n"), HasSubstr("\nLATENCY"), HasSubstr("# OK, x failed\n")));
  std::istringstream lines(load.out);
  int drawn = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.find("##") == std::string::npos) continue;
    ++drawn;
    EXPECT_LE(line.size(), 60) << line;
  }
  EXPECT_GT(drawn, 0);
}

TEST_F(UserctlLoadTest, LatenciesStandUprightInANarrowTerminal) {
  const Program::Result load =
      Program(CommandLine({"load", "u-1", "--concurrency", "1", "--calls", "20"}), {{"COLUMNS", "40"}}).Wait();

  EXPECT_THAT(load.out,
              AllOf(::testing::ContainsRegex("\nLATENCY  OK\n"), ::testing::ContainsRegex("\nP99\\.9    [0-9.]+ [mu]?s\n")));
}

TEST_F(UserctlLoadTest, TheSummaryTellsOfTheWarmUp) {
  const Program::Result load = Load({"u-1", "--concurrency", "1", "--calls", "1", "--warm-up", "50ms"});

  EXPECT_THAT(load.out, HasSubstr("\n1 OK, 0 failed\nafter a warm-up of 50 ms, which is not counted\n"));
}

TEST_F(UserctlLoadTest, AWarmUpThatWasInterruptedIsNotToldAsOver) {
  Program load(CommandLine({"load", "u-1", "--rate", "100", "--warm-up", "1h"}));
  ASSERT_TRUE(server_->AwaitAttempts(kGet, 1));

  load.Signal(SIGINT);

  EXPECT_THAT(load.Wait().out,
              AllOf(HasSubstr("\n0 OK, 0 failed; interrupted while it warmed up\n"), Not(HasSubstr("after a warm-up"))));
}

TEST_F(UserctlLoadTest, TellsHowItIsGoingWhileItRuns) {
  Program load(CommandLine({"load", "u-1", "--rate", "50", "--duration", "60s"}));

  const std::string line = load.ReadErrorLine();

  EXPECT_THAT(line, ::testing::MatchesRegex("load [0-9]+ s: reads closed, [0-9]+ calls/s, p50 .*, p99 .*, [0-9]+ in flight"));
}

TEST_F(UserctlLoadTest, VerboseTellsOfTheFirstFailureAndTheSlowestCall) {
  server_->Script(kGet, {Fail(StatusCode::kNotFound, "gone")});

  const Program::Result load = Load({"u-1", "--concurrency", "1", "--calls", "5", "--verbose"});

  EXPECT_THAT(load.out, AllOf(HasSubstr("\nthe first NOT_FOUND: user.v1.UserService/GetUser: "), HasSubstr("\nthe slowest: ")));
}

TEST_F(UserctlLoadTest, CtrlCEndsItWithTheSummaryOfWhatThereWas) {
  Program load(CommandLine({"load", "u-1", "--rate", "100", "--duration", "1h"}));
  ASSERT_TRUE(server_->AwaitAttempts(kGet, 10));

  load.Signal(SIGINT);
  const Program::Result result = load.Wait();

  EXPECT_EQ(result.exit_status, kCancelled);
  EXPECT_THAT(result.out, AllOf(HasSubstr(" OK, 0 failed; interrupted"), HasSubstr("\nLATENCY")));
}

TEST_F(UserctlLoadTest, CtrlCCutsOffCallsUnderWayAndDoesNotCountThem) {
  server_->ScriptRepeatedly(kGet, {Hang()});
  Program load(CommandLine({"load", "--json", "u-1", "--concurrency", "3", "--timeout", "1h"}));
  ASSERT_TRUE(server_->AwaitAttempts(kGet, 3));

  load.Signal(SIGINT);
  const Program::Result result = load.Wait();

  EXPECT_EQ(result.exit_status, kCancelled);
  json summary = json::parse(result.out, nullptr, /*allow_exceptions=*/false)["load"];
  EXPECT_EQ(summary["interrupted"], true);
  EXPECT_EQ(summary["cut_off"], 3);
  EXPECT_EQ(summary["calls"], 0);
}

// ---- wrong usage

TEST_F(UserctlLoadTest, RefusesWhatMakesNoSense) {
  const std::vector<std::vector<std::string>> wrong = {
      {"u-1", "--mix", "delete"},
      {"u-1", "--mix", "get=0"},
      {"u-1", "--mix", "get,get"},
      {"u-1", "--rate", "0"},
      {"u-1", "--rate", "nan"},
      {"u-1", "--rate", "-nan"},
      {"u-1", "--rate", "inf"},
      {"u-1", "--rate", "5", "--concurrency", "2"},
      {"u-1", "--duration", "forever"},
      {"u-1", "--calls", "0"},
      {"u-1", "--calls", "9223372036854775808"},
      {"u-1", "--mix", "list"},
      {"u-1", "--warm-up", "0s"},
      {"u-{5..1}"},
      {"u-{1..x}"},
      {"u-1", "--max-in-flight", "5", "--concurrency", "2"},
  };

  for (const std::vector<std::string>& arguments : wrong) {
    const Program::Result load = Load(arguments);

    EXPECT_EQ(load.exit_status, kWrongUsage) << arguments.back();
    EXPECT_THAT(load.err, StartsWith("userctl: ")) << arguments.back();
  }
  EXPECT_EQ(server_->calls(kGet), 0);
}

TEST_F(UserctlLoadTest, AServerThatIsNotThereIsUnavailable) {
  server_->Stop();

  json load = LoadJson({"u-1", "--concurrency", "1", "--calls", "2", "--timeout", "300ms"});

  EXPECT_EQ(load["failed"], 2);
  EXPECT_THAT(exit_status_, ::testing::AnyOf(kUnavailable, 68));
}

TEST_F(UserctlLoadTest, AServerWithoutUsersNeedsIds) {
  const absl::StatusOr<FlakyUserServer> empty = FlakyUserServer::Start();
  ASSERT_TRUE(empty.ok()) << empty.status();

  const Program::Result load = Program({USERCTL_PROGRAM, "--target", empty->address(), "load"}).Wait();

  EXPECT_EQ(load.exit_status, kWrongUsage);
  EXPECT_EQ(load.err, "userctl: the server has no users to ask for: give their ids, as in 'u-{1..1000}'\n");
}

}  // namespace
}  // namespace userclient::testing
