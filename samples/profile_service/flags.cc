#include "flags.h"

#include <array>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "userclient/version.h"

namespace profile_service {
namespace {

using userclient::Credentials;

// What the SDK calls an option, and what it is called here.
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kFlags = {{
    {"target", "--target"},
    {"service_config_file", "--config"},
    {"credentials.root_certificates", "--ca"},
    {"credentials.certificate_chain", "--cert"},
    {"credentials.private_key", "--key"},
    {"credentials.server_name", "--server-name"},
    {"credentials.token_file", "--token-file"},
}};

CLI::Option* AddDuration(CLI::App& app, const std::string& name, std::chrono::nanoseconds& duration, const std::string& text) {
  return app
      .add_option_function<std::string>(
          name,
          [name, &duration](const std::string& value) {
            absl::Duration parsed;
            if (!absl::ParseDuration(value, &parsed) || parsed < absl::ZeroDuration() || parsed > absl::Hours(24)) {
              throw CLI::ValidationError(name, absl::StrCat("\"", value, "\" is no duration from 0s to 24h, like 10s or 500ms"));
            }
            duration = absl::ToChronoNanoseconds(parsed);
          },
          text)
      ->type_name("DURATION")
      ->default_str(absl::FormatDuration(absl::FromChrono(duration)));
}

}  // namespace

void AddFlags(CLI::App& app, Flags& flags) {
  app.set_version_flag("--version", "profile_service " USERCLIENT_VERSION_STRING);
  app.add_option("--listen", flags.listen, "Where to serve HTTP; port 0 takes a free one")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  app.add_option("--threads", flags.threads, "Connections that are served at the same time; further ones wait")
      ->type_name("N")
      ->check(CLI::Range(2, 4096))
      ->capture_default_str();
  app.add_option("--operations-listen", flags.operations_listen,
                 "Where to serve probes, metrics and the status page, and nowhere else; without it, at --listen like the rest")
      ->type_name("HOST:PORT");
  AddDuration(app, "--timeout", flags.timeout, "How long a request may take that brings no X-Request-Timeout");
  AddDuration(app, "--max-timeout", flags.max_timeout, "How long any request may take");
  AddDuration(app, "--fallback-max-age", flags.fallback_max_age,
              "No profile older than this is answered while the user service is down; 0s: none is");

  constexpr char kUserService[] = "The user service";
  app.add_option("--target", flags.target, "Where it is: dns:///users:50051, 10.0.0.7:50051, unix:/run/users.sock")
      ->type_name("TARGET")
      ->required()
      ->group(kUserService);
  app.add_option("--config,--service-config", flags.config, "A service config file; without it, the one that is built in")
      ->type_name("FILE")
      ->group(kUserService);
  app.add_flag("--tls", flags.tls, "Use TLS, trusting the system's authorities. Without any TLS flag: plain text")
      ->group(kUserService);
  app.add_option("--ca", flags.ca, "Use TLS, trusting the authorities in this PEM file only")
      ->type_name("FILE")
      ->group(kUserService);
  app.add_option("--cert", flags.cert, "Use TLS, showing this certificate (PEM); with --key")
      ->type_name("FILE")
      ->group(kUserService);
  app.add_option("--key", flags.key, "The private key of --cert (PEM)")->type_name("FILE")->group(kUserService);
  app.add_option("--server-name", flags.server_name, "The name in the server's certificate, if it is not the host of --target")
      ->type_name("NAME")
      ->group(kUserService);
  app.add_option("--token-file", flags.token_file, "A file with a bearer token to send; only over TLS")
      ->type_name("FILE")
      ->group(kUserService);

  constexpr char kRunning[] = "Running it";
  app.add_option("--log", flags.log, "One JSON object a line: FILE, - (standard output) or none")
      ->type_name("FILE")
      ->capture_default_str()
      ->group(kRunning);
  app.add_option("--log-calls", flags.log_calls, "Which calls of the user service are logged: failures, retries, calls, attempts")
      ->check(CLI::IsMember({"failures", "retries", "calls", "attempts"}))
      ->capture_default_str()
      ->group(kRunning);
  AddDuration(app, "--drain-notice", flags.drain_notice, "After SIGTERM: how long to serve on while /readyz says 503")
      ->group(kRunning);
  AddDuration(app, "--drain-limit", flags.drain_limit, "Then: how long the requests under way may take")->group(kRunning);
}

absl::Status CheckFlags(const Flags& flags) {
  if (flags.target.empty()) return absl::InvalidArgumentError("--target: must not be empty");
  if (flags.timeout == std::chrono::nanoseconds::zero()) return absl::InvalidArgumentError("--timeout: must be more than 0s");
  if (flags.max_timeout < flags.timeout) return absl::InvalidArgumentError("--max-timeout: must not be less than --timeout");
  if (flags.cert.has_value() != flags.key.has_value()) {
    return absl::InvalidArgumentError(flags.cert ? "--cert: needs --key" : "--key: needs --cert");
  }
  if (flags.server_name && !flags.uses_tls())
    return absl::InvalidArgumentError("--server-name: needs TLS; add --tls or --ca FILE");
  if (flags.token_file && !flags.uses_tls()) {
    return absl::InvalidArgumentError("--token-file: a token is only sent over TLS; add --tls or --ca FILE");
  }
  return absl::OkStatus();
}

Credentials CredentialsFor(const Flags& flags) {
  if (!flags.uses_tls()) return Credentials::Insecure();
  if (!flags.cert) {
    return Credentials::Tls({.root_certificates = flags.ca, .server_name = flags.server_name, .token_file = flags.token_file});
  }
  return Credentials::MutualTls({.root_certificates = flags.ca,
                                 .certificate_chain = *flags.cert,
                                 .private_key = *flags.key,
                                 .server_name = flags.server_name,
                                 .token_file = flags.token_file});
}

absl::Status InTermsOfFlags(const absl::Status& status) {
  std::string message(status.message());
  for (const auto& [option, flag] : kFlags) {
    if (message.starts_with(option)) message.replace(0, option.size(), flag);
  }
  return absl::Status(status.code(), message);
}

}  // namespace profile_service
