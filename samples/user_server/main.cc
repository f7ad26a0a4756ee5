// The reference server as a program: user.v1.UserService on a port, with every fault that a client must survive.
//
// Exit status: 0 after a clean drain, 1 if it could not start or the drain limit cut calls off, 2 for wrong usage.

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <csignal>
#include <fstream>
#include <iostream>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "manual/completion.h"
#include "manual/footer_lines.h"
#include "manual/man_page.h"
#include "manual/program_view.h"
#include "profile_service/line_log.h"
#include "userclient/server/user_server.h"
#include "userclient/version.h"

namespace {

using profile_service::LineLog;

constexpr char kFooter[] =
    "SIGTERM and SIGINT drain it: health says NOT_SERVING, then no new calls are taken, and those in flight go on to the limit; "
    "a\n"
    "second signal ends it at once. Certificates, keys and tokens are read again when their files change.\n\n"
    "--faults takes {\"seed\": N, \"faults\": [...]}. Each entry has a method (\"*\" is any), and either probability and\n"
    "times, or a script of steps and repeat. What happens then: status, with message and details of field and description;\n"
    "hang, throw, garbage, drop; delay, headers, pushback, metadata; of streams after, slow, never_half_close; ok in a step.\n"
    "While it runs, userclient.v1.FaultService, which --admin serves, takes the same.\n\n"
    "Exit status:\n"
    "  0   after a clean drain\n"
    "  1   it could not start, or the drain limit cut calls off\n"
    "  2   wrong usage\n\n"
    "Examples:\n"
    "  user_server --seed-users 1000\n"
    "  user_server --faults '{\"faults\": [{\"method\": \"GetUser\", \"probability\": 0.3, \"status\": \"UNAVAILABLE\"}]}'\n"
    "  user_server --listen 0.0.0.0:50051 --production --store sqlite:users.db --tls-cert server.pem --tls-key server.key";

constexpr int kCouldNotRun = 1;
constexpr int kWrongUsage = 2;

struct Flags {
  std::string listen = "127.0.0.1:50051";
  std::string admin;
  std::string store = "memory";
  int seed_users = 0;
  int seed_activity = 0;
  std::string watch_heartbeat = "5s";
  std::string faults;
  bool production = false;
  std::string drain_limit = "10s";
  std::string drain_notice = "500ms";
  std::string log = "-";
  std::string name;
  std::string tls_cert;
  std::string tls_key;
  std::string tls_client_ca;
  std::string token_file;
  bool require_deadline = false;
  std::optional<double> rate_limit;
  std::optional<int> rate_burst;
  std::optional<int> max_concurrent;
  std::optional<int> max_streams;
  std::string max_connection_age;
  std::string max_connection_age_grace = "30s";
  bool manual = false;
  std::string completion;
};

int Fail(int exit_status, std::string_view message) {
  std::cerr << "user_server: " << message << std::endl;
  return exit_status;
}

// What the library calls an option, and what it is called here.
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kFlags = {{
    {"tls.certificate", "--tls-cert"},
    {"tls.key", "--tls-key"},
    {"tls.client_ca", "--tls-client-ca"},
    {"name", "--name"},
    {"token_file", "--token-file"},
    {"rate_limit.per_second", "--rate-limit"},
    {"rate_limit.burst", "--rate-burst"},
    {"max_concurrent_calls", "--max-concurrent"},
    {"max_concurrent_streams", "--max-streams"},
    {"max_connection_age", "--max-connection-age"},
}};

std::string InTermsOfFlags(std::string_view message) {
  for (const auto& [option, flag] : kFlags) {
    if (message.starts_with(option) && message.substr(option.size()).starts_with(':')) {
      return absl::StrCat(std::string(flag), std::string(message.substr(option.size())));
    }
  }
  return std::string(message);
}

int Fail(int exit_status, const absl::Status& status) {
  return Fail(exit_status, InTermsOfFlags({status.message().data(), status.message().size()}));
}

/// A call in 17 minutes.
constexpr double kLowestRate = 0.001;

/// What is wrong with it, or nothing. CLI::PositiveNumber looks for what lies outside, and finds nothing wrong with NaN.
std::string CheckRateLimit(const std::string& text) {
  double rate = 0;
  const bool fine = absl::SimpleAtod(text, &rate) && rate >= kLowestRate && std::isfinite(rate);
  return fine ? "" : absl::StrCat("\"", text, "\" is no number of at least ", kLowestRate);
}

void AddFlags(CLI::App& app, Flags& flags) {
  app.set_version_flag("--version", "user_server " USERCLIENT_VERSION_STRING);
  app.add_option("--listen", flags.listen, "HOST:PORT to serve on; port 0 takes a free one")->capture_default_str();
  app.add_option("--admin", flags.admin, "HOST:PORT of the fault service, on a loopback address");
  app.add_option("--store", flags.store, "memory, or sqlite:FILE")->capture_default_str();
  app.add_option("--seed-users", flags.seed_users, "fill the store up to N users: u-1, user1@example.com, ...")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  app.add_option("--seed-activity", flags.seed_activity, "fill the activity log of every user up to N events")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  app.add_option("--watch-heartbeat", flags.watch_heartbeat, "how long a watch may be silent before it sends a sign of life")
      ->capture_default_str();
  app.add_option("--faults", flags.faults, "faults as JSON, or @FILE that holds them");
  app.add_flag("--production", flags.production, "no reflection, no faults, no fault service");
  app.add_option("--drain-limit", flags.drain_limit, "after SIGTERM: how long calls in flight may take")->capture_default_str();
  app.add_option("--drain-notice", flags.drain_notice,
                 "after SIGTERM: how long to serve on with health NOT_SERVING; at most half of the limit")
      ->capture_default_str();
  app.add_option("--log", flags.log, "request log, one JSON object a line: FILE, - (standard output) or none")
      ->capture_default_str();
  app.add_option("--name", flags.name, "sent with every answer as the trailer x-served-by");
  CLI::Option* certificate =
      app.add_option("--tls-cert", flags.tls_cert, "serve TLS with this certificate chain (PEM)")->type_name("FILE");
  CLI::Option* key = app.add_option("--tls-key", flags.tls_key, "private key of --tls-cert (PEM)")->type_name("FILE");
  certificate->needs(key);
  key->needs(certificate);
  app.add_option("--tls-client-ca", flags.tls_client_ca, "require client certificates signed by this authority (PEM)")
      ->needs(certificate)
      ->type_name("FILE");
  app.add_option("--token-file", flags.token_file,
                 "require a bearer token of those in this file, one a line, for every call but health")
      ->type_name("FILE");
  app.add_flag("--require-deadline", flags.require_deadline, "refuse calls that bring no deadline (INVALID_ARGUMENT)");
  CLI::Option* rate = app.add_option("--rate-limit", flags.rate_limit,
                                     "take N calls a second, and refuse more with the time to wait (RESOURCE_EXHAUSTED)")
                          ->check(CheckRateLimit, "POSITIVE");
  app.add_option("--rate-burst", flags.rate_burst, "how many of them at once after a pause; without it, those of a second")
      ->check(CLI::PositiveNumber)
      ->needs(rate);
  app.add_option("--max-concurrent", flags.max_concurrent, "refuse calls beyond N in flight (RESOURCE_EXHAUSTED)")
      ->check(CLI::PositiveNumber);
  app.add_option("--max-streams", flags.max_streams, "take N streams at once on a connection; clients keep further calls back")
      ->check(CLI::PositiveNumber);
  app.add_option("--max-connection-age", flags.max_connection_age, "close connections that have lived so long, as in 30m");
  app.add_option("--max-connection-age-grace", flags.max_connection_age_grace, "how long the calls on such a connection may take")
      ->capture_default_str();
  app.add_flag("--manual", flags.manual, "print the manual page user_server(1), for man -l -, and exit");
  app.add_option("--completion", flags.completion, "print a script that lets a shell complete these flags, and exit")
      ->check(CLI::IsMember({"bash", "zsh", "fish"}).description(""))
      ->type_name("bash|zsh|fish");
  // As of a shell's variable that is not set: what it was to turn on must not be off in silence.
  const CLI::Validator not_empty([](const std::string& text) { return text.empty() ? "must not be empty" : ""; }, "");
  for (CLI::Option* option : app.get_options([](const CLI::Option* each) { return each->get_expected_max() > 0; })) {
    option->check(not_empty);
  }
}

absl::StatusOr<std::chrono::nanoseconds> ParseDuration(const char* flag, const std::string& text) {
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration) || duration < absl::ZeroDuration() || duration > absl::Hours(24)) {
    return absl::InvalidArgumentError(absl::StrCat(flag, ": \"", text, "\" is no duration from 0s to 24h, like 10s or 500ms"));
  }
  return absl::ToChronoNanoseconds(duration);
}

absl::StatusOr<std::string> ReadFaults(const std::string& text) {
  if (!text.starts_with('@')) return text;
  std::ifstream stream(text.substr(1), std::ios::binary);
  std::string content((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  if (!stream) return absl::NotFoundError(absl::StrCat("--faults: cannot read ", text.substr(1)));
  return content;
}

absl::StatusOr<std::shared_ptr<userclient::UserStore>> OpenStore(const std::string& text) {
  if (text == "memory") return userclient::MakeMemoryUserStore();
  return userclient::OpenSqliteUserStore(text.substr(std::string_view("sqlite:").size()));
}

/// What is wrong with the flags taken together.
absl::Status CheckFlags(const Flags& flags) {
  if (flags.store != "memory" &&
      !(flags.store.starts_with("sqlite:") && flags.store.size() > std::string_view("sqlite:").size())) {
    return absl::InvalidArgumentError(absl::StrCat("--store: \"", flags.store, "\" is neither memory nor sqlite:FILE"));
  }
  if (flags.production && !flags.faults.empty()) return absl::InvalidArgumentError("--faults: not with --production");
  if (flags.production && !flags.admin.empty()) return absl::InvalidArgumentError("--admin: not with --production");
  return absl::OkStatus();
}

/// The exit status of who had only to say something.
int AllTold() { return std::cout.flush() ? 0 : Fail(kCouldNotRun, "cannot write to the standard output"); }

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

int Run(const Flags& flags) {
  if (absl::Status fine = CheckFlags(flags); !fine.ok()) return Fail(kWrongUsage, fine);
  const absl::StatusOr<std::chrono::nanoseconds> drain_limit = ParseDuration("--drain-limit", flags.drain_limit);
  if (!drain_limit.ok()) return Fail(kWrongUsage, drain_limit.status());
  const absl::StatusOr<std::chrono::nanoseconds> drain_notice = ParseDuration("--drain-notice", flags.drain_notice);
  if (!drain_notice.ok()) return Fail(kWrongUsage, drain_notice.status());
  const absl::StatusOr<std::chrono::nanoseconds> watch_heartbeat = ParseDuration("--watch-heartbeat", flags.watch_heartbeat);
  if (!watch_heartbeat.ok()) return Fail(kWrongUsage, watch_heartbeat.status());
  const absl::StatusOr<std::chrono::nanoseconds> max_connection_age =
      ParseDuration("--max-connection-age", flags.max_connection_age.empty() ? "24h" : flags.max_connection_age);
  if (!max_connection_age.ok()) return Fail(kWrongUsage, max_connection_age.status());
  const absl::StatusOr<std::chrono::nanoseconds> max_connection_age_grace =
      ParseDuration("--max-connection-age-grace", flags.max_connection_age_grace);
  if (!max_connection_age_grace.ok()) return Fail(kWrongUsage, max_connection_age_grace.status());
  auto faults = std::make_shared<userclient::FaultInjector>();
  if (!flags.faults.empty()) {
    const absl::StatusOr<std::string> json = ReadFaults(flags.faults);
    if (!json.ok()) return Fail(kWrongUsage, json.status());
    if (absl::Status set = faults->Set(*json); !set.ok())
      return Fail(kWrongUsage, absl::StrCat("--faults: ", std::string(set.message())));
  }

  // Before any thread exists, so that all inherit it and the signals wait for sigwait below. A client or a log that goes away is
  // no reason to die.
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  userclient::UserServerOptions options{
      .listen_address = flags.listen,
      .seed_users = flags.seed_users,
      .seed_activity = flags.seed_activity,
      .watch_heartbeat = *watch_heartbeat,
      .faults = faults,
      .reflection = !flags.production,
      .drain_notice = *drain_notice,
  };
  if (!flags.admin.empty()) options.admin_address = flags.admin;
  if (!flags.name.empty()) options.name = flags.name;
  if (!flags.token_file.empty()) options.token_file = flags.token_file;
  options.require_deadline = flags.require_deadline;
  options.max_concurrent_calls = flags.max_concurrent;
  options.max_concurrent_streams = flags.max_streams;
  if (flags.rate_limit) {
    const double of_a_second = std::clamp(*flags.rate_limit, 1.0, static_cast<double>(std::numeric_limits<int>::max()));
    options.rate_limit =
        userclient::RateLimit{.per_second = *flags.rate_limit, .burst = flags.rate_burst.value_or(static_cast<int>(of_a_second))};
  }
  if (!flags.max_connection_age.empty()) options.max_connection_age = *max_connection_age;
  options.max_connection_age_grace = *max_connection_age_grace;
  options.file_log = [](std::string_view sentence) {
    std::cerr << absl::StrCat("user_server: ", InTermsOfFlags(sentence), "\n") << std::flush;
  };
  if (!flags.tls_cert.empty()) {
    options.tls = userclient::ServerTlsFiles{.certificate = flags.tls_cert, .key = flags.tls_key};
    if (!flags.tls_client_ca.empty()) options.tls->client_ca = flags.tls_client_ca;
  }
  if (flags.log != "none") {
    absl::StatusOr<std::shared_ptr<LineLog>> log = LineLog::Open(flags.log);
    if (!log.ok()) return Fail(kCouldNotRun, log.status());
    options.request_log = [log = *log](std::string_view line) { log->Write(line); };
  }
  absl::StatusOr<std::shared_ptr<userclient::UserStore>> store = OpenStore(flags.store);
  if (!store.ok()) return Fail(kCouldNotRun, store.status());
  options.store = *std::move(store);

  absl::StatusOr<std::unique_ptr<userclient::UserServer>> server = userclient::UserServer::Start(std::move(options));
  if (!server.ok()) return Fail(absl::IsInvalidArgument(server.status()) ? kWrongUsage : kCouldNotRun, server.status());
  if ((*server)->admin_port() != 0) std::cerr << "fault service on port " << (*server)->admin_port() << std::endl;
  std::cout << "listening on " << (*server)->address() << std::endl;

  int signal = 0;
  sigwait(&signals, &signal);
  ArmSecondSignal(signals);
  if (absl::Status drained = (*server)->Shutdown(*drain_limit); !drained.ok()) return Fail(kCouldNotRun, drained);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("The reference server of user.v1.UserService.", "user_server");
  app.footer(kFooter);
  manual::KeepLinesOfFooters(app);
  Flags flags;
  AddFlags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? AllTold() : kWrongUsage;
  }
  if (flags.manual) std::cout << manual::ManPage(manual::ViewOf(app), USERCLIENT_VERSION_STRING, "userctl(1)");
  if (!flags.completion.empty()) std::cout << manual::CompletionFor(flags.completion, manual::ViewOf(app));
  const bool has_told = flags.manual || !flags.completion.empty();
  return has_told ? AllTold() : Run(flags);
}
