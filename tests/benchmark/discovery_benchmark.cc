// How soon a new server behind a name is called, and for how long one that has left: userclient beside a plain round_robin
// channel on the same name. Real servers and a real name server protocol in this process, loopback. Prints a table; asserts
// nothing.
//
//   discovery_benchmark [ROUNDS] [--json FILE]    a round takes about five seconds; 6 if not given. --json: for programs

#include <grpcpp/create_channel.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/support/scripted_name_server.h"
#include "user/v1/user_service.grpc.pb.h"
#include "userclient/testing/flaky_user_server.h"
#include "userclient/user_client.h"

namespace userclient::benchmark {
namespace {

using testing::FlakyUserServer;
using testing::ScriptedNameServer;
using user::v1::UserService;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

constexpr char kName[] = "users.cluster.test";
constexpr std::chrono::seconds kRefresh(1);

template <class T>
T OrDie(absl::StatusOr<T> value) {
  if (value.ok()) return *std::move(value);
  absl::FPrintF(stderr, "discovery_benchmark: %s\n", value.status().ToString());
  std::exit(1);
}

/// Callers that go on until they are stopped, and what became of their calls.
class Load {
 public:
  explicit Load(std::function<bool()> call) {
    for (int i = 0; i < 4; ++i) {
      callers_.emplace_back([this, call](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          if (!call()) ++failures_;
          ++calls_;
          std::this_thread::sleep_for(1ms);
        }
      });
    }
  }

  int64_t calls() const { return calls_; }
  int64_t failures() const { return failures_; }

 private:
  std::atomic<int64_t> calls_{0};
  std::atomic<int64_t> failures_{0};
  std::vector<std::jthread> callers_;
};

void PointTo(ScriptedNameServer& names, std::vector<std::string> addresses) {
  names.Set(kName, {.addresses = std::move(addresses)}, testing::NoAddress());
}

double Seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

/// From now until the server has been called, or `limit`.
double UntilCalled(const FlakyUserServer& server, std::chrono::seconds limit) {
  const auto start = Clock::now();
  const int64_t before = server.attempts("GetUser");
  while (server.attempts("GetUser") == before && Clock::now() - start < limit) std::this_thread::sleep_for(1ms);
  return Seconds(Clock::now() - start);
}

/// From now until the last call to a server within `limit`.
double UntilLastCall(const FlakyUserServer& server, std::chrono::seconds limit) {
  const auto start = Clock::now();
  auto last = start;
  for (int64_t seen = server.attempts("GetUser"); Clock::now() - start < limit; std::this_thread::sleep_for(1ms)) {
    if (const int64_t now = server.attempts("GetUser"); now != seen) {
      seen = now;
      last = Clock::now();
    }
  }
  return Seconds(last - start);
}

constexpr std::chrono::seconds kJoinLimit(3);
constexpr std::chrono::seconds kLeaveLimit(2);

/// Returns what it prints: seconds, or null for never.
Json Report(const std::string& who, std::vector<double> joined, std::vector<double> left, const Load& load) {
  std::sort(joined.begin(), joined.end());
  std::sort(left.begin(), left.end());
  const auto shown = [](double seconds, double limit) {
    return seconds >= limit ? std::string("never") : absl::StrFormat("%.2f s", seconds);
  };
  const auto number = [](double seconds, double limit) { return seconds >= limit ? Json() : Json(seconds); };
  const double join_limit = Seconds(kJoinLimit);
  // What is called up to the end of the limit is not seen to have ended.
  const double leave_limit = Seconds(kLeaveLimit) - 0.05;
  absl::PrintF("%-12s new server called after %s (median), %s (slowest); %d of %d calls failed\n", who,
               shown(joined[joined.size() / 2], join_limit), shown(joined.back(), join_limit), load.failures(), load.calls());
  if (!left.empty()) absl::PrintF("%-12s one that left called for %s more (slowest)\n", "", shown(left.back(), leave_limit));
  return {{"who", who},
          {"joined_median_s", number(joined[joined.size() / 2], join_limit)},
          {"joined_slowest_s", number(joined.back(), join_limit)},
          {"left_slowest_s", left.empty() ? Json() : number(left.back(), leave_limit)},
          {"failed", load.failures()},
          {"calls", load.calls()}};
}

Json Measure(const std::string& who, int rounds, ScriptedNameServer& names, std::vector<FlakyUserServer>& servers,
             std::function<bool()> call) {
  PointTo(names, {"127.0.0.2", "127.0.0.3"});
  const Load load(std::move(call));
  std::this_thread::sleep_for(2 * kRefresh);
  std::vector<double> joined;
  std::vector<double> left;
  for (int round = 0; round < rounds; ++round) {
    PointTo(names, {"127.0.0.2", "127.0.0.3", "127.0.0.4"});
    joined.push_back(UntilCalled(servers[2], kJoinLimit));
    PointTo(names, {"127.0.0.2", "127.0.0.3"});
    // One that was never called cannot be called for longer.
    if (joined.back() < Seconds(kJoinLimit)) left.push_back(UntilLastCall(servers[2], kLeaveLimit));
  }
  return Report(who, joined, left, load);
}

Json Run(int rounds) {
  std::vector<FlakyUserServer> servers;
  for (int i = 2; i <= 4; ++i) {
    const int port = servers.empty() ? 0 : servers[0].port();
    servers.push_back(OrDie(FlakyUserServer::Start({.seed_users = 1, .listen_address = absl::StrCat("127.0.0.", i, ":", port)})));
  }
  ScriptedNameServer names;
  const std::string target = absl::StrCat("dns://", names.authority(), "/", kName, ":", servers[0].port());
  user::v1::GetUserRequest request;
  request.set_user_id("u-1");
  absl::PrintF("dnsRefresh %d s, %d rounds, 4 callers\n", kRefresh.count(), rounds);

  grpc::ChannelArguments arguments;
  arguments.SetLoadBalancingPolicyName("round_robin");
  PointTo(names, {"127.0.0.2", "127.0.0.3"});
  const auto stub = UserService::NewStub(grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments));
  Json plain = Measure("plain gRPC", rounds, names, servers, [&] {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + 5s);
    user::v1::GetUserResponse response;
    return stub->GetUser(&context, request, &response).ok();
  });

  const std::string config = absl::StrCat(R"({"loadBalancingConfig": [{"round_robin": {}}], "userclient": {"dnsRefresh": ")",
                                          kRefresh.count(), R"(s"}})");
  const UserClient client =
      OrDie(UserClient::Create({.target = target, .credentials = Credentials::Insecure(), .service_config_json = config}));
  Json ours = Measure("userclient", rounds, names, servers, [&] { return client.GetUser(request, {.timeout = 5s}).ok(); });
  return {{"dns_refresh_s", kRefresh.count()}, {"rounds", rounds}, {"clients", Json::array({std::move(plain), std::move(ours)})}};
}

int Main(int argc, char** argv) {
  CLI::App app("How soon a new server behind a name is called, and for how long one that has left.", "discovery_benchmark");
  int rounds = 6;
  std::string json_file;
  app.add_option("ROUNDS", rounds, "of about five seconds each")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--json", json_file, "write the numbers to this file");
  CLI11_PARSE(app, argc, argv);

  const Json numbers = Run(rounds);
  if (json_file.empty()) return 0;
  std::ofstream file(json_file);
  file << numbers.dump(1) << std::endl;
  if (file) return 0;
  absl::FPrintF(stderr, "discovery_benchmark: cannot write %s\n", json_file);
  return 1;
}

}  // namespace
}  // namespace userclient::benchmark

int main(int argc, char** argv) { return userclient::benchmark::Main(argc, argv); }
