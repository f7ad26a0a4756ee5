// What the guards are worth, in numbers: isolation of compartments, the price of an open circuit, what hedging does to the
// slowest calls. Real servers in this process, loopback. Prints a table; asserts nothing, because a shared machine proves nothing
// by time.
//
//   resilience_benchmark [--quick] [--json FILE]    --quick: a fifth of the calls; --json: the numbers for programs

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "userclient/testing/flaky_user_server.h"
#include "userclient/user_client.h"

namespace userclient::benchmark {
namespace {

using std::chrono::nanoseconds;
using testing::FlakyUserServer;
using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;

template <class T>
T OrDie(absl::StatusOr<T> value) {
  if (value.ok()) return *std::move(value);
  absl::FPrintF(stderr, "resilience_benchmark: %s\n", value.status().ToString());
  std::exit(1);
}

user::v1::GetUserRequest AskForUser() {
  user::v1::GetUserRequest request;
  request.set_user_id("u-1");
  return request;
}

UserClient Connect(const std::string& target, const std::string& config) {
  return OrDie(UserClient::Create({.target = target, .credentials = Credentials::Insecure(), .service_config_json = config}));
}

struct Latencies {
  std::vector<nanoseconds> sorted;
  int failed = 0;

  double Milliseconds(double share) const {
    if (sorted.empty()) return 0;
    const auto at = static_cast<size_t>(share * static_cast<double>(sorted.size() - 1));
    return std::chrono::duration<double, std::milli>(sorted[at]).count();
  }
};

/// So many calls by so many threads.
Latencies Measure(const UserClient& client, int threads, int calls_per_thread) {
  std::vector<Latencies> parts(static_cast<size_t>(threads));
  {
    std::vector<std::jthread> callers;
    callers.reserve(parts.size());
    for (Latencies& part : parts) {
      callers.emplace_back([&client, &part, calls_per_thread] {
        for (int i = 0; i < calls_per_thread; ++i) {
          const auto begin = std::chrono::steady_clock::now();
          if (!client.GetUser(AskForUser()).ok()) ++part.failed;
          part.sorted.push_back(std::chrono::steady_clock::now() - begin);
        }
      });
    }
  }
  Latencies all;
  for (Latencies& part : parts) {
    all.sorted.insert(all.sorted.end(), part.sorted.begin(), part.sorted.end());
    all.failed += part.failed;
  }
  std::sort(all.sorted.begin(), all.sorted.end());
  return all;
}

/// Returns what it prints.
Json PrintLatencies(const std::string& what, const Latencies& latencies, const std::string& more = {}) {
  absl::PrintF("    %-44s p50 %8.2f ms   p99 %8.2f ms   failed %d%s\n", what, latencies.Milliseconds(0.5),
               latencies.Milliseconds(0.99), latencies.failed, more);
  return {{"what", what},
          {"p50_ms", latencies.Milliseconds(0.5)},
          {"p99_ms", latencies.Milliseconds(0.99)},
          {"failed", latencies.failed},
          {"calls", latencies.sorted.size()}};
}

/// Reads and writes in compartments of their own; every write hangs.
Json Isolation(int calls_per_thread) {
  FlakyUserServer server = OrDie(FlakyUserServer::Start({.seed_users = 1}));
  const UserClient client =
      Connect(server.address(), R"({"methodConfig": [{"name": [{"service": "user.v1.UserService"}], "timeout": "60s"}],
      "userclient": {"bulkheads": [
        {"name": "reads", "methods": [{"service": "user.v1.UserService", "method": "GetUser"}]},
        {"name": "writes", "methods": [{"service": "user.v1.UserService", "method": "CreateUser"}], "maxConcurrentCalls": 100}]}})");
  absl::PrintF("\nisolation: 8 threads read, while 100 writes hang in their compartment\n");
  Measure(client, 8, 200);
  Json alone = PrintLatencies("reads alone", Measure(client, 8, calls_per_thread));

  server.ScriptRepeatedly("CreateUser", {testing::Hang()});
  std::vector<PendingCall<user::v1::CreateUserResponse>> stuck;
  for (int i = 0; i < 100; ++i) {
    user::v1::CreateUserRequest request;
    request.set_email(absl::StrCat("user", i, "@example.com"));
    stuck.push_back(client.CreateUserAsync(request));
  }
  server.AwaitAttempts("CreateUser", 100);
  Json beside = PrintLatencies("reads beside 100 hung writes", Measure(client, 8, calls_per_thread));
  for (const auto& call : stuck) call.Cancel();
  return Json::array({std::move(alone), std::move(beside)});
}

/// A service that is dead, and a breaker that knows.
Json OpenCircuit() {
  const UserClient client =
      Connect("127.0.0.1:1", R"({"methodConfig": [{"name": [{"service": "user.v1.UserService"}], "timeout": "1s"}],
      "userclient": {"bulkheads": [{"name": "reads", "methods": [{"service": "user.v1.UserService"}],
        "circuitBreaker": {"minimumCalls": 2, "openDuration": "1000s", "maxOpenDuration": "1000s"}}]}})");
  while (RejectionOf(client.GetUser(AskForUser()).status()) != Rejection::kCircuitOpen) {
  }
  constexpr int kCalls = 200'000;
  const user::v1::GetUserRequest request = AskForUser();
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < kCalls; ++i) static_cast<void>(client.GetUser(request));
  const double microseconds = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
  absl::PrintF("\nan open circuit: a refused call costs its caller %.2f us (bar: under 5), error, report and all\n",
               microseconds / kCalls);
  return {{"us_per_refused_call", microseconds / kCalls}};
}

/// Five servers, one of them a hundred times slower.
Json Hedging(int calls_per_thread) {
  std::vector<FlakyUserServer> servers;
  std::string target = "ipv4:";
  for (int i = 0; i < 5; ++i) {
    servers.push_back(OrDie(FlakyUserServer::Start({.seed_users = 1})));
    servers.back().ScriptRepeatedly("GetUser", {testing::Delay(i == 0 ? 500ms : 5ms)});
    absl::StrAppend(&target, i == 0 ? "" : ",", servers.back().address());
  }
  const auto attempts = [&] {
    int64_t sum = 0;
    for (const FlakyUserServer& server : servers) sum += server.attempts("GetUser");
    return sum;
  };
  Json rows = Json::array();
  const auto measure = [&](const std::string& what, const UserClient& client, int calls) {
    const int64_t before = attempts();
    const Latencies latencies = Measure(client, 16, calls);
    const double attempts_per_call = static_cast<double>(attempts() - before) / static_cast<double>(latencies.sorted.size());
    rows.push_back(PrintLatencies(what, latencies, absl::StrFormat("   attempts/call %.3f", attempts_per_call)));
    rows.back()["attempts_per_call"] = attempts_per_call;
  };
  const auto config = [](const std::string& balancing, const std::string& policy) {
    return absl::StrCat(
        R"({"loadBalancingConfig": )", balancing,
        R"(, "methodConfig": [{"name": [{"service": "user.v1.UserService", "method": "GetUser"}], "timeout": "10s")", policy,
        "}]}");
  };
  const std::string everyone = R"([{"round_robin": {}}])";
  // As in service_config/hedging.json.
  const std::string without_outliers = R"([{"outlier_detection_experimental": {
      "interval": "1s", "baseEjectionTime": "30s", "maxEjectionTime": "300s", "maxEjectionPercent": 50,
      "failurePercentageEjection": {"threshold": 85, "enforcementPercentage": 100, "minimumHosts": 2, "requestVolume": 5},
      "childPolicy": [{"round_robin": {}}]}}])";
  const std::string hedged =
      R"(, "hedgingPolicy": {"maxAttempts": 3, "hedgingDelay": "0.025s", "nonFatalStatusCodes": ["UNAVAILABLE"]})";

  absl::PrintF(
      "\nhedging: five servers, one of them 100 times slower (500 ms), 16 threads (bar: p99 a tenth, attempts/call 1.1)\n");
  measure("no hedging", Connect(target, config(everyone, "")), calls_per_thread / 10);
  measure("hedged after 25 ms", Connect(target, config(everyone, hedged)), calls_per_thread / 2);
  const UserClient ejecting = Connect(target, config(without_outliers, hedged));
  measure("hedged and ejected, from the first call on", ejecting, calls_per_thread);
  measure("hedged and ejected, after that", ejecting, calls_per_thread);
  return rows;
}

int Main(int argc, char** argv) {
  CLI::App app("What the guards are worth, in numbers.", "resilience_benchmark");
  bool quick = false;
  std::string json_file;
  app.add_flag("--quick", quick, "a fifth of the calls");
  app.add_option("--json", json_file, "write the numbers to this file");
  CLI11_PARSE(app, argc, argv);

  const int calls_per_thread = quick ? 200 : 1000;
  Json numbers;
  numbers["isolation"] = Isolation(calls_per_thread);
  numbers["open_circuit"] = OpenCircuit();
  numbers["hedging"] = Hedging(calls_per_thread);
  if (json_file.empty()) return 0;
  std::ofstream file(json_file);
  file << numbers.dump(1) << std::endl;
  if (file) return 0;
  absl::FPrintF(stderr, "resilience_benchmark: cannot write %s\n", json_file);
  return 1;
}

}  // namespace
}  // namespace userclient::benchmark

int main(int argc, char** argv) { return userclient::benchmark::Main(argc, argv); }
