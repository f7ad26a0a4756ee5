// profile_service: profiles over HTTP and JSON, made of what user.v1.UserService says. A model of a service that depends on
// another one through userclient; see README.md.
//
// Exit status: 0 after a clean drain, 1 if it could not start or the drain limit cut requests off, 2 for wrong usage.

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <iostream>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "flags.h"
#include "http_server.h"
#include "lifecycle.h"
#include "line_log.h"
#include "live_figures.h"
#include "metrics.h"
#include "operations_api.h"
#include "profile_api.h"
#include "userclient/json_log.h"
#include "userclient/user_client.h"
#include "userclient/version.h"

namespace {

using profile_service::Flags;
using profile_service::HttpServer;
using profile_service::Inbound;
using profile_service::Lifecycle;
using profile_service::LineLog;
using profile_service::LiveFigures;
using profile_service::Metrics;
using profile_service::OperationsApi;
using profile_service::ProfileApi;

constexpr int kCouldNotRun = 1;
constexpr int kWrongUsage = 2;

int Fail(int exit_status, const absl::Status& status) {
  std::cerr << "profile_service: " << std::string(status.message()) << std::endl;
  return exit_status;
}

userclient::LogLevel LevelOf(std::string_view name) {
  if (name == "retries") return userclient::LogLevel::kRetries;
  if (name == "calls") return userclient::LogLevel::kCalls;
  if (name == "attempts") return userclient::LogLevel::kAttempts;
  return userclient::LogLevel::kFailures;
}

/// So many machines ask at the same time: probes, scrapes, and pages that are open.
constexpr int kOperationsThreads = 8;

bool IsAskedByMachines(std::string_view path) {
  constexpr std::array<std::string_view, 5> kPaths = {"/", "/healthz", "/readyz", "/metrics", "/status.json"};
  return std::find(kPaths.begin(), kPaths.end(), path) != kPaths.end();
}

absl::StatusOr<userclient::UserClient> Connect(const Flags& flags, const std::shared_ptr<LineLog>& log,
                                               const std::shared_ptr<LiveFigures>& figures, const Metrics& metrics) {
  userclient::ClientOptions options = {
      .target = flags.target,
      .credentials = CredentialsFor(flags),
      .service_config_file = flags.config,
      .user_agent = "profile_service/" USERCLIENT_VERSION_STRING,
  };
  options.observers.push_back(figures);
  options.observers.push_back(std::make_shared<userclient::JsonLog>(userclient::JsonLogOptions{
      .write = [log](std::string_view line) { log->Write(line); }, .level = LevelOf(flags.log_calls)}));
  if (metrics.observer != nullptr) options.observers.push_back(metrics.observer);
  absl::StatusOr<userclient::UserClient> client = userclient::UserClient::Create(options);
  if (!client.ok()) return profile_service::InTermsOfFlags(client.status());
  return client;
}

void RouteProfiles(HttpServer& server, ProfileApi& profiles) {
  server.Get("/profiles/([^/]+)", [&](const Inbound& inbound) { return profiles.Get(inbound, inbound.http().matches[1]); });
  server.Get("/profiles", [&](const Inbound& inbound) { return profiles.List(inbound); });
  server.Post("/profiles", [&](const Inbound& inbound) { return profiles.Create(inbound); });
}

void RouteOperations(HttpServer& server, const OperationsApi& operations, const Metrics& metrics) {
  server.Get("/healthz", [](const Inbound&) { return OperationsApi::Health(); });
  server.Get("/readyz", [&](const Inbound&) { return operations.Ready(); });
  server.Get("/metrics", [&](const Inbound&) { return metrics.scrape(); });
  server.Get("/status\\.json", [&](const Inbound&) { return operations.Status(); });
  server.Get("/", [](const Inbound&) { return OperationsApi::Page(); });
}

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

/// The next stop signal ends the process at once.
void ArmSecondSignal(const sigset_t& signals) {
  struct sigaction at_once {};
  at_once.sa_handler = [](int signal) { _exit(128 + signal); };
  sigaction(SIGTERM, &at_once, nullptr);
  sigaction(SIGINT, &at_once, nullptr);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

/// Serves on while /readyz says no, until whoever balances has noticed; then answers what is under way; what takes longer than
/// the limit is cancelled, and answered with 503.
bool Drain(const Flags& flags, Lifecycle& lifecycle, HttpServer& server, const userclient::UserClient& client) {
  lifecycle.Drain();
  server.SendAway();
  std::this_thread::sleep_for(flags.drain_notice);
  const bool answered = server.Stop(flags.drain_limit);
  if (!answered) std::cerr << "profile_service: requests took longer than --drain-limit and were cut off" << std::endl;
  const bool ended = client.Shutdown(std::chrono::nanoseconds::zero());
  return answered && ended;
}

int CouldNotStart(const absl::Status& status) {
  return Fail(absl::IsInvalidArgument(status) ? kWrongUsage : kCouldNotRun, status);
}

int Run(const Flags& flags) {
  if (absl::Status fine = CheckFlags(flags); !fine.ok()) return Fail(kWrongUsage, fine);

  // Before any thread exists, so that all inherit it and the signals wait for sigwait below. A client or a log that goes away is
  // no reason to die.
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  const absl::StatusOr<std::shared_ptr<LineLog>> log = LineLog::Open(flags.log);
  if (!log.ok()) return Fail(kCouldNotRun, log.status());
  const absl::StatusOr<Metrics> metrics = profile_service::MakeMetrics();
  if (!metrics.ok()) return Fail(kCouldNotRun, metrics.status());
  const auto figures = std::make_shared<LiveFigures>();
  const absl::StatusOr<userclient::UserClient> client = Connect(flags, *log, figures, *metrics);
  if (!client.ok()) return CouldNotStart(client.status());

  const auto write_log = [log = *log](std::string_view line) { log->Write(line); };
  absl::StatusOr<std::unique_ptr<HttpServer>> server =
      HttpServer::Bind({.listen = flags.listen, .threads = flags.threads, .log = write_log, .is_quiet = IsAskedByMachines});
  if (!server.ok()) return CouldNotStart(server.status());
  std::unique_ptr<HttpServer> operations_server;
  if (flags.operations_listen) {
    absl::StatusOr<std::unique_ptr<HttpServer>> bound = HttpServer::Bind({.listen = *flags.operations_listen,
                                                                          .listen_flag = "--operations-listen",
                                                                          .threads = kOperationsThreads,
                                                                          .log = write_log,
                                                                          .is_quiet = IsAskedByMachines});
    if (!bound.ok()) return CouldNotStart(bound.status());
    operations_server = *std::move(bound);
  }

  const auto lifecycle = std::make_shared<Lifecycle>();
  ProfileApi profiles(*client, {.usual = flags.timeout, .longest = flags.max_timeout}, flags.fallback_max_age);
  const OperationsApi operations(*client, figures, lifecycle, *log, [&] { return (*server)->requests_under_way(); });
  RouteProfiles(**server, profiles);
  RouteOperations(operations_server ? *operations_server : **server, operations, *metrics);
  if (operations_server) {
    operations_server->Start();
    std::cout << "operations on " << operations_server->address() << std::endl;
  }
  (*server)->Start();
  std::cout << "listening on " << (*server)->address() << std::endl;

  const std::jthread connecting([client = *client, lifecycle](const std::stop_token& stop) {
    while (!stop.stop_requested() && lifecycle->phase() == Lifecycle::Phase::kConnecting) {
      if (client.WaitReady(std::chrono::milliseconds(500))) lifecycle->Connected();
    }
  });
  int signal = 0;
  sigwait(&signals, &signal);
  ArmSecondSignal(signals);
  const bool clean = Drain(flags, *lifecycle, **server, *client);
  // Their handlers use what is above, and those of the operations also the other server.
  operations_server.reset();
  server->reset();
  (*log)->Close();
  return clean ? 0 : kCouldNotRun;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Profiles over HTTP and JSON, made of what user.v1.UserService says.", "profile_service");
  Flags flags;
  AddFlags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (app.exit(error) != 0) return kWrongUsage;
    return std::cout.flush() ? 0 : Fail(kCouldNotRun, absl::UnavailableError("cannot write to the standard output"));
  }
  return Run(flags);
}
