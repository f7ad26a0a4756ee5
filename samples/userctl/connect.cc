#include "connect.h"

#include <array>
#include <chrono>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "event.h"
#include "resume_teller.h"
#include "userclient/version.h"

namespace userctl {
namespace {

using userclient::Credentials;

constexpr char kUserAgent[] = "userctl/" USERCLIENT_VERSION_STRING;

// What the SDK calls an option, and what it is called here.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kFlags = {{
    {"credentials.root_certificates", "--ca"},
    {"credentials.certificate_chain", "--cert"},
    {"credentials.private_key", "--key"},
    {"credentials.server_name", "--server-name"},
    {"credentials.token_file", "--token-file"},
}};

Credentials CredentialsFrom(const GlobalOptions& options, const std::optional<std::string>& server_name) {
  if (!options.uses_tls()) return Credentials::Insecure();
  if (!options.cert) {
    return Credentials::Tls({.root_certificates = options.ca, .server_name = server_name, .token_file = options.token_file});
  }
  return Credentials::MutualTls({.root_certificates = options.ca,
                                 .certificate_chain = *options.cert,
                                 .private_key = *options.key,
                                 .server_name = server_name,
                                 .token_file = options.token_file});
}

absl::Status InTermsOfFlags(const absl::Status& status) {
  std::string message(status.message());
  for (const auto& [option, flag] : kFlags) {
    if (message.starts_with(option)) message.replace(0, option.size(), flag);
  }
  return absl::Status(status.code(), message);
}

/// Tells what the client notices as it comes, in one piece each, because other threads write to standard error too.
userclient::ClientListener ListenerFor(const GlobalOptions& options) {
  if (!options.verbose) return {};
  return [json = options.json](const userclient::ClientEvent& event) {
    std::cerr << (json ? EventJson(event) : EventText(event)) + "\n" << std::flush;
  };
}

std::vector<std::shared_ptr<userclient::Observer>> ObserversFor(const GlobalOptions& options) {
  if (!options.verbose) return {};
  return {std::make_shared<ResumeTeller>(options.json)};
}

absl::StatusOr<userclient::UserClient> Create(const userclient::ClientOptions& options) {
  absl::StatusOr<userclient::UserClient> client = userclient::UserClient::Create(options);
  if (!client.ok()) return InTermsOfFlags(client.status());
  return client;
}

}  // namespace

absl::StatusOr<userclient::UserClient> Connect(const GlobalOptions& options, userclient::CircuitListener on_circuit_change) {
  if (absl::Status status = CheckHasTarget(options); !status.ok()) return status;
  return Create({.target = options.target,
                 .credentials = CredentialsFor(options),
                 .service_config_file = options.config,
                 .user_agent = kUserAgent,
                 .on_circuit_change = std::move(on_circuit_change),
                 .on_event = ListenerFor(options),
                 .observers = ObserversFor(options)});
}

absl::StatusOr<userclient::UserClient> ConnectToOne(const GlobalOptions& options, const std::string& target,
                                                    const std::string& host) {
  // A config may ask for client health checking, which would keep us from a server that is NOT_SERVING.
  return Create({.target = target,
                 .credentials = CredentialsFor(options, host),
                 .service_config_json = "{}",
                 .user_agent = kUserAgent,
                 .file_check_interval = std::chrono::nanoseconds::zero()});
}

Credentials CredentialsFor(const GlobalOptions& options) { return CredentialsFrom(options, options.server_name); }

Credentials CredentialsFor(const GlobalOptions& options, const std::string& host) {
  return CredentialsFrom(options, options.server_name.value_or(host));
}

absl::Status CheckHasTarget(const GlobalOptions& options) {
  if (!options.target.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError("no server to call: give --target HOST:PORT, or set USERCTL_TARGET");
}

}  // namespace userctl
