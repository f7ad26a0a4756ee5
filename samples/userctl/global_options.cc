#include "global_options.h"

#include "absl/status/statusor.h"
#include "duration.h"

namespace userctl {

void AddGlobalOptions(CLI::App& app, GlobalOptions& options) {
  app.option_defaults()->group(kGlobalOptionsGroup);
  app.add_option("--target", options.target,
                 "The server: HOST:PORT, dns:///HOST:PORT (every address behind the name), unix:/PATH")
      ->envname("USERCTL_TARGET")
      ->type_name("T");
  app.add_option("--config", options.config, "A service config file; without it, the one that is built in")->type_name("FILE");
  app.add_option_function<std::string>(
         "--timeout",
         [&options](const std::string& text) {
           const absl::StatusOr<std::chrono::nanoseconds> timeout = ParseDuration(text);
           if (!timeout.ok()) throw CLI::ValidationError("--timeout", std::string(timeout.status().message()));
           options.timeout = *timeout;
         },
         "For each call, over all its attempts: 200ms, 1.5s, 2m. Without it, what the service config says")
      ->type_name("D");
  app.add_flag("--json", options.json, "One JSON document a line, for programs; failed calls too, on standard error");
  app.add_flag(
      "--verbose", options.verbose,
      "Tell on standard error what happened during each call: every attempt, where and how long; and what the client notices "
      "meanwhile");
  app.add_flag("--tls", options.tls, "Use TLS, trusting the system's authorities. Without any TLS flag: plain text");
  app.add_option("--ca", options.ca, "Use TLS, trusting the authorities in this PEM file only")->type_name("FILE");
  app.add_option("--cert", options.cert, "Use TLS, showing this certificate (PEM); with --key")->type_name("FILE");
  app.add_option("--key", options.key, "The private key of --cert (PEM)")->type_name("FILE");
  app.add_option("--server-name", options.server_name,
                 "The name that the server's certificate must be for, if it is not the host in --target; only over TLS")
      ->type_name("NAME");
  app.add_option("--token-file", options.token_file, "A file with a bearer token to send; only over TLS")->type_name("FILE");
  app.option_defaults()->group("Options");
}

absl::Status CheckGlobalOptions(const GlobalOptions& options) {
  if (options.config && options.config->empty()) return absl::InvalidArgumentError("--config: no file is named");
  if (options.cert && !options.key)
    return absl::InvalidArgumentError("--cert needs --key FILE, the private key of the certificate");
  if (options.key && !options.cert) return absl::InvalidArgumentError("--key needs --cert FILE, the certificate it belongs to");
  if (options.server_name && !options.uses_tls()) {
    return absl::InvalidArgumentError(
        "--server-name needs TLS, because nobody shows a certificate in plain text: add --tls or --ca FILE");
  }
  if (options.token_file && !options.uses_tls()) {
    return absl::InvalidArgumentError(
        "--token-file needs TLS, because a token in plain text can be stolen: add --tls or --ca FILE");
  }
  return absl::OkStatus();
}

}  // namespace userctl
