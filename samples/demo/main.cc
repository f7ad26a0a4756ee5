// demo_load: the load of `./run demo`. Calls GetUser through a plain generated stub and through userclient, side by side: once
// while the servers are as they are, and once while one of them is killed half-way (by whoever sees --half-file appear).
//
// Exit status: 0 if userclient failed no more calls than the plain stub and the servers counted what the callers sent, 1 if not
// or if it could not run, 2 for wrong usage.

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "callers.h"
#include "comparison.h"
#include "load.h"
#include "servers.h"
#include "userclient/service_config.h"
#include "userclient/user_client.h"

namespace {

constexpr int kNotAsClaimed = 1;
constexpr int kWrongUsage = 2;

struct Flags {
  std::string target;
  std::string config;
  std::vector<std::string> servers;
  std::string half_file;
  demo::LoadPlan plan;
};

void AddFlags(CLI::App& app, Flags& flags) {
  app.add_option("--target", flags.target, "the name behind which the servers are")->required();
  app.add_option("--config", flags.config,
                 "service config of userclient; its timeout for GetUser is the plain stub's deadline too")
      ->required();
  app.add_option("--server", flags.servers, "NAME,HOST:PORT,HOST:ADMIN_PORT of each server")->required();
  app.add_option("--half-file", flags.half_file, "file to make when half of the second load is due")->required();
  app.add_option("--calls", flags.plan.calls, "calls of each caller in each load")
      ->check(CLI::Range(2, 100'000))
      ->capture_default_str();
  app.add_option("--rate", flags.plan.calls_per_second, "calls a second of each caller")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--threads", flags.plan.threads, "threads of each caller")->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--users", flags.plan.users, "users that the servers have")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
}

int Fail(int exit_status, std::string_view message) {
  std::cerr << "demo_load: " << message << std::endl;
  return exit_status;
}

int Fail(int exit_status, const absl::Status& status) { return Fail(exit_status, std::string(status.message())); }

std::string Seconds(std::chrono::nanoseconds duration) {
  return absl::StrCat(std::chrono::duration<double>(duration).count(), " s");
}

std::string DescribeRetries(const userclient::MethodConfig& method) {
  if (!method.retry_policy) return "no retries";
  const userclient::RetryPolicy& policy = *method.retry_policy;
  std::string text = absl::StrCat("up to ", policy.max_attempts, " attempts");
  if (policy.per_attempt_recv_timeout) absl::StrAppend(&text, " of at most ", Seconds(*policy.per_attempt_recv_timeout));
  return text;
}

/// Runs the load and prints what came of it.
absl::StatusOr<demo::Comparison> Compare(const Flags& flags, const std::vector<demo::Server>& servers,
                                         const demo::Caller& plain_stub, const demo::Caller& userclient,
                                         const std::function<void()>& at_half) {
  for (const demo::Server& server : servers) {
    if (absl::Status status = server.ResetCounters(); !status.ok()) return status;
  }
  const demo::SideBySide outcomes = demo::Run(flags.plan, plain_stub, userclient, at_half);
  demo::Comparison comparison{.plain_stub = demo::TallyOf(outcomes.plain_stub), .userclient = demo::TallyOf(outcomes.userclient)};
  std::cout << demo::Table(comparison, servers) << std::flush;
  const absl::StatusOr<std::string> agreement = demo::CheckAgainstServers(comparison, servers);
  if (!agreement.ok()) return agreement.status();
  std::cout << *agreement << demo::CallErrors(comparison) << std::flush;
  return comparison;
}

int Run(const Flags& flags) {
  std::vector<demo::Server> servers;
  for (const std::string& text : flags.servers) {
    const absl::StatusOr<demo::Server> server = demo::Server::Parse(text);
    if (!server.ok()) return Fail(kWrongUsage, server.status());
    servers.push_back(*server);
  }
  const absl::StatusOr<userclient::ServiceConfig> config = userclient::ServiceConfig::Load(flags.config);
  if (!config.ok()) return Fail(kWrongUsage, config.status());
  const userclient::MethodConfig* get_user = config->FindMethod("user.v1.UserService", "GetUser");
  if (get_user == nullptr || !get_user->timeout) return Fail(kWrongUsage, "--config: GetUser has no timeout");
  const absl::StatusOr<userclient::UserClient> client = userclient::UserClient::Create({
      .target = flags.target,
      .credentials = userclient::Credentials::Insecure(),
      .service_config_file = flags.config,
      .user_agent = "demo",
  });
  if (!client.ok()) return Fail(kWrongUsage, client.status());

  const demo::Caller plain_stub = demo::PlainStubCaller(flags.target, *get_user->timeout);
  const demo::Caller userclient = demo::UserClientCaller(*client);
  // Connecting is not what is compared.
  plain_stub("u-1");
  userclient("u-1");

  std::cout << "    both: round_robin, deadline " << Seconds(*get_user->timeout) << "; userclient, as " << flags.config
            << " says: " << DescribeRetries(*get_user) << "\n"
            << std::flush;
  demo::Comparison total;
  for (const bool kill : {false, true}) {
    std::cout << (kill ? "\n  the second load, in which a server dies half-way:\n" : "\n  the first load:\n") << std::flush;
    const absl::StatusOr<demo::Comparison> comparison = Compare(flags, servers, plain_stub, userclient, [&] {
      if (kill) std::ofstream(flags.half_file) << "half\n";
    });
    if (!comparison.ok()) return Fail(kNotAsClaimed, comparison.status());
    total.plain_stub.Add(comparison->plain_stub);
    total.userclient.Add(comparison->userclient);
  }

  std::cout << "\n==> summary\n" << demo::Summary(total) << std::flush;
  if (total.userclient.failed > total.plain_stub.failed) {
    return Fail(kNotAsClaimed, "userclient has failed more calls than the plain stub");
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  // What goes wrong is counted, not logged.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  CLI::App app("GetUser calls through a plain stub and through userclient, side by side.", "demo_load");
  Flags flags;
  AddFlags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongUsage;
  }
  return Run(flags);
}
