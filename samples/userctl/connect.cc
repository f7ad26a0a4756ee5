#include "connect.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace userctl {
namespace {

using userclient::Credentials;

// What the SDK calls an option, and what it is called here.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kFlags = {{
    {"credentials.root_certificates", "--ca"},
    {"credentials.certificate_chain", "--cert"},
    {"credentials.private_key", "--key"},
    {"credentials.token_file", "--token-file"},
}};

Credentials CredentialsFrom(const GlobalOptions& options) {
  if (!options.uses_tls()) return Credentials::Insecure();
  if (!options.cert) return Credentials::Tls({.root_certificates = options.ca, .token_file = options.token_file});
  return Credentials::MutualTls({.root_certificates = options.ca,
                                 .certificate_chain = *options.cert,
                                 .private_key = *options.key,
                                 .token_file = options.token_file});
}

absl::Status InTermsOfFlags(const absl::Status& status) {
  std::string message(status.message());
  for (const auto& [option, flag] : kFlags) {
    if (message.starts_with(option)) message.replace(0, option.size(), flag);
  }
  return absl::Status(status.code(), message);
}

}  // namespace

absl::StatusOr<userclient::UserClient> Connect(const GlobalOptions& options) {
  if (options.target.empty()) {
    return absl::InvalidArgumentError("no server to call: give --target HOST:PORT, or set USERCTL_TARGET");
  }
  absl::StatusOr<userclient::UserClient> client = userclient::UserClient::Create({.target = options.target,
                                                                                  .credentials = CredentialsFrom(options),
                                                                                  .service_config_file = options.config,
                                                                                  .user_agent = "userctl/" USERCTL_VERSION});
  if (!client.ok()) return InTermsOfFlags(client.status());
  return client;
}

}  // namespace userctl
