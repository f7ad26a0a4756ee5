// What userctl tells of a service config, and of what a client does by it: `config explain`, answers that stand in, events.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/e2e/program.h"
#include "tests/server/temporary_directory.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

constexpr int kWrongUsage = 2;
constexpr int kCancelled = 65;

std::vector<std::string> CommandLine(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), USERCTL_PROGRAM);
  return arguments;
}

Program::Result Userctl(std::vector<std::string> arguments, std::map<std::string, std::string> environment = {}) {
  environment.try_emplace("USERCTL_TARGET", "");
  environment.try_emplace("COLUMNS", "");
  return Program(CommandLine(std::move(arguments)), environment).Wait();
}

std::string Shipped(const std::string& name) { return std::filesystem::path(SERVICE_CONFIGS) / name; }

std::string TextOf(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

std::vector<std::string> LinesOf(const std::string& text) { return absl::StrSplit(text, '\n'); }

std::vector<size_t> LengthsOfLines(const std::string& text) {
  std::vector<size_t> lengths;
  for (const std::string& line : LinesOf(text)) lengths.push_back(line.size());
  return lengths;
}

std::string WithSingleSpaces(const std::string& text) {
  return absl::StrJoin(std::vector<std::string>(absl::StrSplit(text, ' ', absl::SkipEmpty())), " ");
}

/// The cells of a row from left to right, each on one line.
using Cells = std::vector<std::string>;

/// Where the columns of a table begin, by its first line.
std::vector<size_t> ColumnsOf(const std::string& header) {
  std::vector<size_t> columns = {0};
  for (size_t i = 2; i < header.size(); ++i) {
    if (header.substr(i - 2, 2) == "  " && header[i] != ' ') columns.push_back(i);
  }
  return columns;
}

void AddTo(Cells& cells, const std::string& line, const std::vector<size_t>& columns) {
  for (size_t i = 0; i < columns.size() && columns[i] < line.size(); ++i) {
    const size_t end = i + 1 < columns.size() ? columns[i + 1] : line.size();
    cells[i] = WithSingleSpaces(cells[i] + " " + line.substr(columns[i], end - columns[i]));
  }
}

/// The table whose first line begins like this: its rows by the first word of their first cell, which is in no cell any more.
std::map<std::string, Cells> TableIn(const std::string& text, const std::string& header) {
  std::vector<std::string> lines = LinesOf(text);
  auto line = std::find_if(lines.begin(), lines.end(), [&](const std::string& any) { return any.starts_with(header); });
  if (line == lines.end()) {
    ADD_FAILURE() << "there is no table " << header << " in:\n" << text;
    return {};
  }
  const std::vector<size_t> columns = ColumnsOf(*line);
  std::map<std::string, Cells> rows;
  std::string name;
  for (++line; line != lines.end() && !line->empty(); ++line) {
    const bool goes_on = line->front() == ' ' || line->front() == '(';
    if (!goes_on) name = line->substr(0, line->find(' '));
    Cells& cells = rows.try_emplace(name, Cells(columns.size())).first->second;
    AddTo(cells, goes_on ? *line : std::string(name.size(), ' ') + line->substr(name.size()), columns);
  }
  return rows;
}

/// Of `config explain --json`, by name.
std::map<std::string, json> MethodsIn(const json& explained) {
  std::map<std::string, json> methods;
  for (const json& method : explained["methods"]) methods[method["method"]] = method;
  return methods;
}

/// Without exceptions; null for what is no JSON.
json JsonOf(const std::string& text) { return json::parse(text, nullptr, /*allow_exceptions=*/false); }

json ExplainedAsJson(const std::vector<std::string>& arguments) {
  std::vector<std::string> command_line = {"--json", "config", "explain"};
  command_line.insert(command_line.end(), arguments.begin(), arguments.end());
  const Program::Result explain = Userctl(command_line);
  EXPECT_EQ(explain.exit_status, 0) << explain.err;
  EXPECT_EQ(std::count(explain.out.begin(), explain.out.end(), '\n'), 1) << "not one line";
  return JsonOf(explain.out);
}

/// "1.5s", as a service config writes it.
double Milliseconds(const json& duration) { return std::stod(duration.get<std::string>()) * 1000; }

// Every kind of name, so that it matters which one wins.
constexpr char kTraps[] = R"({
  "loadBalancingPolicy": "ROUND_ROBIN",
  "methodConfig": [
    {"name": [{}], "timeout": "1s", "waitForReady": true,
     "retryPolicy": {"maxAttempts": 9, "initialBackoff": "9s", "maxBackoff": "9s", "backoffMultiplier": 9,
                     "retryableStatusCodes": ["ABORTED"]}},
    {"name": [{"service": "user.v1.UserService"}], "timeout": "2.5s",
     "retryPolicy": {"maxAttempts": 2, "initialBackoff": "0.1s", "maxBackoff": "0.1s", "backoffMultiplier": 2,
                     "retryableStatusCodes": ["UNAVAILABLE"]}},
    {"name": [{"service": "user.v1.UserService", "method": "GetUser"}], "maxRequestMessageBytes": 1000},
    {"name": [{"service": "other.v1.OtherService", "method": "GetUser"}], "timeout": "99s"}
  ],
  "userclient": {
    "dnsRefresh": "2.5s",
    "bulkheads": [
      {"name": "rest", "methods": [{"service": "user.v1.UserService"}], "channels": 3},
      {"name": "lists", "methods": [{"service": "user.v1.UserService", "method": "ListUsers"}],
       "adaptiveLimit": {"maxLimit": 50}, "maxWait": "0.2s",
       "circuitBreaker": {"consecutiveFailures": 7, "slowCallDuration": "1.5s", "slowCallRatio": 0.25, "halfOpenProbes": 1}},
      {"name": "others", "methods": [{}]}
    ],
    "methods": [{"name": [{"service": "user.v1.UserService", "method": "GetUser"}], "singleFlight": true}]
  }
})";

// ---- config explain

TEST(ConfigExplainTest, WithoutAFileTellsOfTheConfigThatIsBuiltIn) {
  const Program::Result explain = Userctl({"config", "explain"});

  EXPECT_EQ(explain.exit_status, 0);
  EXPECT_THAT(explain.err, IsEmpty());
  EXPECT_THAT(explain.out, StartsWith("user.v1.UserService by the config that is built in\n\n"));
  const std::map<std::string, Cells> methods = TableIn(explain.out, "METHOD");
  EXPECT_THAT(methods, SizeIs(7));
  EXPECT_THAT(methods.at("GetUser"), ElementsAre("", "5 s",
                                                 "up to 4, each 1 s; retries DEADLINE_EXCEEDED or UNAVAILABLE after 50 ms, "
                                                 "x2 each time, at most 1 s",
                                                 "reads", "methodConfig[0]"));
  EXPECT_THAT(methods.at("CreateUser"), ElementsAre("", "5 s", StartsWith("up to 3, each 1.5 s; "), "writes", "methodConfig[1]"));
  EXPECT_THAT(methods.at("StreamActivity"), ElementsAre("(server stream)", "60 s", "1", "streams", "methodConfig[2]"));
  EXPECT_THAT(methods.at("BatchCreateUsers"),
              ElementsAre("(client stream)", "60 s", StartsWith("up to 5, each 11 s; "), "streams", "methodConfig[3]"));
  EXPECT_THAT(methods.at("LookupUsers"), ElementsAre("(two-way stream)", "5 min", "1", "streams", "methodConfig[4]"));
  EXPECT_THAT(methods.at("WatchUsers"), ElementsAre("(server stream)", "1 h", "1", "streams", "methodConfig[5]"));
}

TEST(ConfigExplainTest, TellsOfEveryCompartment) {
  const Program::Result explain = Userctl({"config", "explain", Shipped("default.json")});

  const std::map<std::string, Cells> compartments = TableIn(explain.out, "COMPARTMENT");
  EXPECT_THAT(compartments, SizeIs(3)) << "every method is claimed, so there is no default";
  EXPECT_THAT(compartments.at("reads"),
              ElementsAre("", "2 to 4", "at most 1024; the next is refused",
                          "opens when 50 % of 20 or more calls in 10 s fail; for 5 s, doubling to 60 s; closes after 3 probes",
                          "userclient.bulkheads[0]"));
  EXPECT_THAT(compartments.at("streams"),
              ElementsAre("", "1 to 4", "at most 256; the next is refused", "none", "userclient.bulkheads[2]"));
}

TEST(ConfigExplainTest, TellsWhatGoesForAllMethods) {
  const std::string file = Shipped("production.json");

  const Program::Result explain = Userctl({"config", "explain", file});

  EXPECT_THAT(explain.out, StartsWith("user.v1.UserService by " + file + "\n"));
  const std::map<std::string, Cells> all = TableIn(explain.out, "ALL METHODS");
  EXPECT_THAT(all.at("load"), ElementsAre("balancing round_robin", "loadBalancingConfig[0]"));
  EXPECT_THAT(all.at("outlier"),
              ElementsAre(MatchesRegex("detection every [0-9.]+ m?s, a server is left out when more than [0-9]+ % of its calls "
                                       "fail, if at least [0-9]+ servers have had [0-9]+ calls or more each; for [0-9.]+ s, "
                                       "longer each time, at most [0-9.]+ m?i?n?s?; never more than [0-9]+ % of the servers"),
                          "loadBalancingConfig[0]"));
  EXPECT_THAT(all.at("health"), ElementsAre("checking a server gets calls while it says that \"user.v1.UserService\" is SERVING",
                                            "healthCheckConfig"));
  EXPECT_THAT(all.at("retry"), ElementsAre("throttling 100 tokens: a failure costs 1, a success returns 0.5; no retries or "
                                           "hedges at 50 or fewer",
                                           "retryThrottling"));
  EXPECT_THAT(all.at("dns"), ElementsAre("refresh the name in a dns: target is looked up every 5 s", "default"));
}

TEST(ConfigExplainTest, TellsOfHedgingAndOfAnswersFromOtherCalls) {
  const Program::Result explain = Userctl({"config", "explain", Shipped("hedging.json")});

  const std::vector<std::string> parts = absl::StrSplit(explain.out, "\n\n");
  EXPECT_THAT(TableIn(parts[1], "METHOD").at("GetUser")[2],
              "up to 3, hedged: the next 500 ms after the last, or sooner, when slower than 95 % of the calls of late, "
              "by userclient.methods[0]; at once after UNAVAILABLE");
  EXPECT_THAT(TableIn(parts[2], "METHOD"),
              ElementsAre(Pair("GetUser", ElementsAre("",
                                                      "identical requests at the same time are sent once (singleFlight) when the "
                                                      "call fails, the last good answer up to 5 min old; 16 MiB are kept "
                                                      "(staleIfError)",
                                                      "userclient.methods[0]"))));
}

TEST(ConfigExplainTest, TheMostExactNameWins) {
  const TemporaryDirectory directory;

  const Program::Result explain = Userctl({"config", "explain", directory.Write("traps.json", kTraps)});

  const std::map<std::string, Cells> methods = TableIn(explain.out, "METHOD");
  EXPECT_THAT(methods.at("GetUser"), ElementsAre("", "5 s, default", "1", "rest (by service)", "methodConfig[2]"));
  EXPECT_THAT(methods.at("ListUsers"),
              ElementsAre("", "2.5 s", "up to 2; retries UNAVAILABLE after 100 ms", "lists", "methodConfig[1] (by service)"));
  EXPECT_THAT(methods.at("WatchUsers"), ElementsAre("(server stream)", "2.5 s", StartsWith("up to 2; "), "rest (by service)",
                                                    "methodConfig[1] (by service)"));
  const std::map<std::string, Cells> compartments = TableIn(explain.out, "COMPARTMENT");
  EXPECT_THAT(compartments.at("lists"),
              ElementsAre("", "1", "4 to 50, adaptive (gradient), at first 20; the next waits up to 200 ms",
                          "opens when 50 % of 20 or more calls in 10 s fail, or 7 in a row, or 25 % take 1.5 s or longer; "
                          "for 5 s, doubling to 60 s; closes after 1 probe",
                          "userclient.bulkheads[1]"));
  EXPECT_THAT(compartments.at("rest"), ElementsAre("", "3", "no limit", "none", "userclient.bulkheads[0]"));
  const std::map<std::string, Cells> all = TableIn(explain.out, "ALL METHODS");
  EXPECT_THAT(all.at("load"), ElementsAre("balancing round_robin", "loadBalancingPolicy"));
  EXPECT_THAT(all.at("dns"), ElementsAre(HasSubstr("every 2.5 s"), "userclient.dnsRefresh"));
  EXPECT_THAT(all.at("GetUser"), ElementsAre("requests of at most 1000 bytes", "methodConfig[2]"));
  EXPECT_THAT(explain.out, HasSubstr("note:  retryThrottling: is not set"));
}

TEST(ConfigExplainTest, AnEntryForEverythingIsMarked) {
  const TemporaryDirectory directory;
  const std::string file = directory.Write("all.json", R"({
    "methodConfig": [{"name": [{}], "timeout": "1s", "waitForReady": true}],
    "userclient": {"bulkheads": [{"name": "everything", "methods": [{}]}]}})");

  const Program::Result explain = Userctl({"config", "explain", file});

  EXPECT_THAT(TableIn(explain.out, "METHOD").at("CreateUser"),
              ElementsAre("", "1 s", "1", "everything (for all)", "methodConfig[0] (for all)"));
  EXPECT_THAT(TableIn(explain.out, "ALL METHODS").at("CreateUser"),
              ElementsAre("waits for a connection", "methodConfig[0] (for all)"));
}

TEST(ConfigExplainTest, WhatAnEmptyConfigLeavesToDefaultsIsSaid) {
  const TemporaryDirectory directory;

  const Program::Result explain = Userctl({"config", "explain", directory.Write("empty.json", "{}")});

  EXPECT_THAT(TableIn(explain.out, "METHOD").at("GetUser"), ElementsAre("", "5 s, default", "1", "default", "default"));
  EXPECT_THAT(TableIn(explain.out, "COMPARTMENT"),
              ElementsAre(Pair("default", ElementsAre("", "1", "no limit", "none", "default"))));
  const std::map<std::string, Cells> all = TableIn(explain.out, "ALL METHODS");
  EXPECT_THAT(all.at("load"), ElementsAre("balancing round_robin", "default"));
  EXPECT_THAT(all.at("outlier"), ElementsAre("detection off", "default"));
  EXPECT_THAT(all.at("health"), ElementsAre(HasSubstr("off"), "default"));
  EXPECT_THAT(all.at("retry"), ElementsAre(HasSubstr("off"), "default"));
}

TEST(ConfigExplainTest, HealthCheckingThatPickFirstDoesNotDoIsSaid) {
  const TemporaryDirectory directory;
  const std::string file = directory.Write(
      "pick_first.json", R"({"loadBalancingConfig": [{"pick_first": {}}], "healthCheckConfig": {"serviceName": "users"}})");

  const Program::Result explain = Userctl({"config", "explain", file});

  EXPECT_THAT(TableIn(explain.out, "ALL METHODS").at("health"),
              ElementsAre("checking set to \"users\", but without effect: pick_first asks nobody", "healthCheckConfig"));
}

TEST(ConfigExplainTest, TellsOfThePolicyThatGrpcTakes) {
  const TemporaryDirectory directory;
  const std::string file = directory.Write("unknown_first.json", R"({"loadBalancingConfig": [
    {"policy_of_the_future": {}},
    {"outlier_detection_experimental": {"successRateEjection": {}, "maxEjectionTime": "90s", "childPolicy": [{"pick_first": {}}]}},
    {"round_robin": {}}]})");

  const Program::Result explain = Userctl({"config", "explain", file});

  const std::map<std::string, Cells> all = TableIn(explain.out, "ALL METHODS");
  EXPECT_THAT(all.at("load"), ElementsAre("balancing pick_first", "loadBalancingConfig[1]"));
  EXPECT_THAT(all.at("outlier"),
              ElementsAre("detection every 10 s, a server is left out when its success rate is 1.9 standard deviations below the "
                          "average, if at least 5 servers have had 100 calls or more each; for 30 s, longer each time, at most "
                          "90 s; never more than 10 % of the servers",
                          "loadBalancingConfig[1]"));
}

TEST(ConfigExplainTest, LinesFitTheTerminal) {
  const std::vector<std::string> command = {"config", "explain", Shipped("hedging.json")};

  const Program::Result narrow = Userctl(command, {{"COLUMNS", "80"}});
  const Program::Result tiny = Userctl(command, {{"COLUMNS", "20"}});
  const Program::Result usual = Userctl(command);
  const Program::Result wide = Userctl(command, {{"COLUMNS", "120"}});

  EXPECT_THAT(LengthsOfLines(narrow.out), Each(Le(80)));
  EXPECT_EQ(tiny.out, narrow.out) << "80 is the least that a table needs";
  EXPECT_THAT(LengthsOfLines(usual.out), Each(Le(100)));
  EXPECT_THAT(LengthsOfLines(wide.out), Each(Le(120)));
  EXPECT_THAT(LinesOf(narrow.out).size(), Gt(LinesOf(wide.out).size()));
  EXPECT_EQ(TableIn(narrow.out, "COMPARTMENT"), TableIn(wide.out, "COMPARTMENT")) << "only the line ends differ";
}

TEST(ConfigExplainTest, TakesTheFileOfTheFlagToo) {
  const std::string file = Shipped("hedging.json");

  const Program::Result by_flag = Userctl({"--config", file, "config", "explain"});
  const Program::Result by_argument = Userctl({"config", "explain", file});
  const Program::Result by_both = Userctl({"--config", file, "config", "explain", file});

  EXPECT_EQ(by_flag.out, by_argument.out);
  EXPECT_EQ(by_both.exit_status, kWrongUsage);
  EXPECT_EQ(by_both.err, "userctl: two files to explain: give FILE or --config FILE, not both\n");
}

class UnusableConfigTest : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(UnusableConfigTest, IsRefusedAsByCheck) {
  const TemporaryDirectory directory;
  const std::string file = directory.Write("bad.json", GetParam().second);

  for (const char* format : {"--verbose", "--json"}) {
    const Program::Result explain = Userctl({format, "config", "explain", file});
    const Program::Result check = Userctl({format, "config", "check", file});

    EXPECT_EQ(explain.exit_status, kWrongUsage);
    EXPECT_THAT(explain.out, IsEmpty());
    EXPECT_EQ(explain.err, check.err);
    EXPECT_THAT(explain.err, HasSubstr(file + ": "));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, UnusableConfigTest,
    ::testing::Values(std::pair("NoJson", "{"), std::pair("UnknownKey", R"({"metodConfig": []})"),
                      std::pair("UnknownMethod",
                                R"({"methodConfig": [{"name": [{"service": "user.v1.UserService", "method": "GetUsr"}]}]})"),
                      std::pair("UnknownPolicy", R"({"loadBalancingConfig": [{"policy_of_the_future": {}}]})")),
    [](const auto& test) { return std::string(test.param.first); });

TEST(ConfigExplainTest, AFileThatIsNotThereIsNamed) {
  const Program::Result explain = Userctl({"config", "explain", "/no/such/file.json"});

  EXPECT_EQ(explain.exit_status, kWrongUsage);
  EXPECT_EQ(explain.err, "userctl: /no/such/file.json: cannot be read: No such file or directory\n");
}

// ---- config explain --json

TEST(ConfigExplainJsonTest, HasTheNumbersOfTheFile) {
  const json file = JsonOf(TextOf(Shipped("default.json")));

  const json explained = ExplainedAsJson({Shipped("default.json")});

  EXPECT_EQ(explained["file"], Shipped("default.json"));
  EXPECT_EQ(explained["service"], "user.v1.UserService");
  const json get_user = MethodsIn(explained)["GetUser"];
  const json& policy = file["methodConfig"][0]["retryPolicy"];
  EXPECT_EQ(get_user["deadline_ms"], Milliseconds(file["methodConfig"][0]["timeout"]));
  EXPECT_EQ(get_user["deadline_from"], "methodConfig[0]");
  EXPECT_EQ(get_user["config_named_by"], "method");
  EXPECT_EQ(get_user["retries"]["max_attempts"], policy["maxAttempts"]);
  EXPECT_EQ(get_user["retries"]["initial_backoff_ms"], Milliseconds(policy["initialBackoff"]));
  EXPECT_EQ(get_user["retries"]["attempt_timeout_ms"], Milliseconds(policy["perAttemptRecvTimeout"]));
  EXPECT_THAT(get_user["retries"]["codes"], UnorderedElementsAre("UNAVAILABLE", "DEADLINE_EXCEEDED"));
  EXPECT_TRUE(get_user["hedging"].is_null());
  EXPECT_EQ(explained["compartments"].size(), file["userclient"]["bulkheads"].size());
  const json& reads = file["userclient"]["bulkheads"][0];
  EXPECT_EQ(explained["compartments"][0]["name"], reads["name"]);
  EXPECT_EQ(explained["compartments"][0]["max_concurrent_calls"], reads["maxConcurrentCalls"]);
  EXPECT_EQ(explained["compartments"][0]["circuit_breaker"]["failure_ratio"], reads["circuitBreaker"]["failureRatio"]);
  EXPECT_TRUE(explained["compartments"][2]["circuit_breaker"].is_null());
  EXPECT_EQ(explained["retry_throttling"]["token_ratio"], file["retryThrottling"]["tokenRatio"]);
}

TEST(ConfigExplainJsonTest, HasWhatGoesToTheChannel) {
  const json file = JsonOf(TextOf(Shipped("production.json")));

  const json channel = ExplainedAsJson({Shipped("production.json")})["channel"];

  const json& outliers = file["loadBalancingConfig"][0]["outlier_detection_experimental"];
  EXPECT_EQ(channel["load_balancing"], "round_robin");
  EXPECT_EQ(channel["load_balancing_from"], "loadBalancingConfig[0]");
  EXPECT_EQ(channel["outlier_detection"]["interval_ms"], Milliseconds(outliers["interval"]));
  EXPECT_EQ(channel["outlier_detection"]["base_ejection_time_ms"], Milliseconds(outliers["baseEjectionTime"]));
  EXPECT_EQ(channel["outlier_detection"]["failure_percentage"]["threshold"], outliers["failurePercentageEjection"]["threshold"]);
  EXPECT_TRUE(channel["outlier_detection"]["success_rate"].is_null());
  EXPECT_EQ(channel["health_check_service"], "user.v1.UserService");
  EXPECT_EQ(channel["asks_for_health"], true);
  EXPECT_EQ(channel["service_config"]["loadBalancingConfig"], file["loadBalancingConfig"]);
}

TEST(ConfigExplainJsonTest, EveryMethodHasEveryKey) {
  const json built_in = ExplainedAsJson({});
  const json hedging = ExplainedAsJson({Shipped("hedging.json")});

  EXPECT_TRUE(built_in["file"].is_null());
  EXPECT_THAT(built_in["methods"], SizeIs(7));
  const std::map<std::string, json> methods = MethodsIn(hedging);
  for (const json& method : built_in["methods"]) {
    std::vector<std::string> keys;
    std::vector<std::string> other_keys;
    for (const auto& item : method.items()) keys.push_back(item.key());
    for (const auto& item : methods.at(method["method"]).items()) other_keys.push_back(item.key());
    EXPECT_EQ(keys, other_keys);
  }
  EXPECT_EQ(MethodsIn(built_in)["LookupUsers"]["streaming"], "both");
  EXPECT_EQ(methods.at("GetUser")["hedging"],
            JsonOf(R"({"max_attempts": 3, "delay_ms": 500.0, "delay_percentile": 0.95, "codes": ["UNAVAILABLE"]})"));
  EXPECT_EQ(methods.at("GetUser")["stale_if_error"], JsonOf(R"({"max_age_ms": 300000.0, "max_bytes": 16777216})"));
  EXPECT_EQ(methods.at("GetUser")["single_flight"], true);
  EXPECT_EQ(methods.at("GetUser")["extras_from"], "userclient.methods[0]");
  EXPECT_EQ(methods.at("ListUsers")["single_flight"], false);
}

TEST(ConfigExplainJsonTest, TellsByWhichNameAnEntryApplies) {
  const TemporaryDirectory directory;

  const json explained = ExplainedAsJson({directory.Write("traps.json", kTraps)});

  std::map<std::string, json> methods = MethodsIn(explained);
  EXPECT_EQ(methods["GetUser"]["config_from"], "methodConfig[2]");
  EXPECT_EQ(methods["GetUser"]["deadline_from"], "default");
  EXPECT_EQ(methods["GetUser"]["deadline_ms"], 5000);
  EXPECT_EQ(methods["GetUser"]["compartment_from"], "userclient.bulkheads[0]");
  EXPECT_EQ(methods["GetUser"]["compartment_named_by"], "service");
  EXPECT_EQ(methods["GetUser"]["max_request_message_bytes"], 1000);
  EXPECT_TRUE(methods["GetUser"]["wait_for_ready"].is_null()) << "the entry for everything does not apply";
  EXPECT_EQ(methods["ListUsers"]["config_from"], "methodConfig[1]");
  EXPECT_EQ(methods["ListUsers"]["config_named_by"], "service");
  EXPECT_EQ(methods["ListUsers"]["compartment"], "lists");
  EXPECT_EQ(explained["dns_refresh_ms"], 2500);
  EXPECT_TRUE(explained["retry_throttling"].is_null());
  EXPECT_EQ(explained["compartments"][1]["adaptive_limit"]["maximum"], 50);
}

// ---- Answers that the server did not give now

constexpr char kStaleIfError[] = R"({
  "methodConfig": [{"name": [{}], "timeout": "5s"}],
  "userclient": {"methods": [{"name": [{"service": "user.v1.UserService", "method": "GetUser"}], "staleIfError": {}}]}})";

/// Against a server that answers once and fails from then on.
class StandInTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 1});
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));
    server_->Script("GetUser", {Ok(), Fail(StatusCode::kUnavailable, "sick")});
  }

  Program::Result GetTwice(const std::vector<std::string>& flags) const {
    std::vector<std::string> arguments = {"--target", server_->address(), "--config", directory_.Write("c.json", kStaleIfError)};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    arguments.insert(arguments.end(), {"get", "u-1", "u-1"});
    return Userctl(arguments);
  }

  const TemporaryDirectory directory_;
  std::optional<FlakyUserServer> server_;
};

TEST_F(StandInTest, AnOldAnswerIsNeverShownAsANewOne) {
  const Program::Result get = GetTwice({});

  EXPECT_EQ(get.exit_status, 0);
  EXPECT_THAT(get.out, MatchesRegex("USER_ID[^\n]*\nu-1 [^\n]*\nu-1 [^\n]*\n"));
  EXPECT_THAT(get.err, MatchesRegex("userctl: user.v1.UserService/GetUser: UNAVAILABLE, answered from the cache, "
                                    "[0-9.]+ m?s old\n"));
}

TEST_F(StandInTest, VerboseTellsItWithTheAttempts) {
  const Program::Result get = GetTwice({"--verbose"});

  EXPECT_EQ(get.exit_status, 0);
  EXPECT_THAT(get.err, AllOf(HasSubstr("GetUser: OK after "), HasSubstr("GetUser: UNAVAILABLE after "),
                             HasSubstr("UNAVAILABLE \"sick\""), HasSubstr("answered with what the server said ")));
  EXPECT_THAT(get.err, Not(HasSubstr("from the cache"))) << "told twice";
}

TEST_F(StandInTest, AsJsonTheReportNamesTheSourceAndTheAge) {
  const Program::Result get = GetTwice({"--json"});

  EXPECT_EQ(get.exit_status, 0);
  const json report = JsonOf(get.err)["report"];
  EXPECT_EQ(report["code"], "UNAVAILABLE");
  EXPECT_EQ(report["source"], "stale");
  EXPECT_GT(report["age_ms"], 0.0);
}

TEST_F(StandInTest, VerboseAsJsonHasAReportOfEveryCall) {
  const Program::Result get = GetTwice({"--json", "--verbose"});

  const std::vector<std::string> lines = LinesOf(get.err);
  ASSERT_THAT(lines, SizeIs(3)) << get.err;
  EXPECT_EQ(JsonOf(lines[0])["report"]["source"], "server");
  EXPECT_FALSE(JsonOf(lines[0])["report"].contains("age_ms"));
  EXPECT_EQ(JsonOf(lines[1])["report"]["source"], "stale");
  EXPECT_THAT(lines[2], IsEmpty());
}

// ---- Events

constexpr char kPatient[] = R"({"methodConfig": [{"name": [{}], "timeout": "60s"}]})";
constexpr char kMorePatient[] = R"({"methodConfig": [{"name": [{}], "timeout": "61s"}]})";

/// The next line on standard error that contains `text`; other events may come before it. Empty if none does.
std::string ErrorLineWith(const std::string& text, Program& program) {
  std::string line;
  do {
    line = program.ReadErrorLine();
  } while (!line.empty() && line.find(text) == std::string::npos);
  return line;
}

/// A call that hangs, while the file of its config is replaced.
class EventsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start();
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));
    server_->Script("GetUser", {Hang()});
  }

  std::vector<std::string> HangingCall(const std::vector<std::string>& flags) const {
    std::vector<std::string> arguments = {"--target", server_->address(), "--config", directory_.Write("c.json", kPatient)};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    arguments.insert(arguments.end(), {"get", "u-1"});
    return CommandLine(std::move(arguments));
  }

  const TemporaryDirectory directory_;
  std::optional<FlakyUserServer> server_;
};

TEST_F(EventsTest, VerboseTellsThemAsTheyCome) {
  Program get(HangingCall({"--verbose"}));
  ASSERT_TRUE(server_->AwaitAttempts("GetUser", 1));

  const std::string file = directory_.Replace("c.json", kMorePatient);

  EXPECT_EQ(ErrorLineWith("config", get), "userctl: config reloaded: " + file + " is version 2");
  get.Signal(SIGINT);
  const Program::Result result = get.Wait();
  EXPECT_EQ(result.exit_status, kCancelled);
  EXPECT_THAT(result.err, HasSubstr("GetUser: CANCELLED after "));
}

TEST_F(EventsTest, AsJsonTheyAreDocuments) {
  Program get(HangingCall({"--verbose", "--json"}));
  ASSERT_TRUE(server_->AwaitAttempts("GetUser", 1));

  const std::string file = directory_.Replace("c.json", kMorePatient);

  json event = JsonOf(ErrorLineWith("config", get))["event"];
  EXPECT_EQ(event["kind"], "config reloaded");
  EXPECT_EQ(event["subject"], file);
  EXPECT_EQ(event["config_version"], 2);
  get.Signal(SIGINT);
  EXPECT_EQ(get.Wait().exit_status, kCancelled);
}

TEST_F(EventsTest, WithoutVerboseTheyAreNotTold) {
  // The name server does not exist, which a client notices before its call fails.
  const Program::Result get = Userctl({"--target", "dns://127.0.0.1:1/users.test:50051", "get", "u-1"});

  EXPECT_THAT(get.err, AllOf(StartsWith("userctl: get u-1: "), Not(HasSubstr("lookup failed:"))));
}

}  // namespace
}  // namespace userclient::testing
