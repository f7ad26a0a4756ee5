#include "transport/credentials.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "transport/bearer_token_credentials.h"
#include "transport/credential_files.h"

namespace userclient::internal {
namespace {

// Enough for a token that lives for minutes, and cheap for a file.
constexpr std::chrono::seconds kTokenFileInterval(5);

absl::Status CheckServerName(const std::optional<std::string>& server_name) {
  if (!server_name) return absl::OkStatus();
  const auto in_a_name = [](unsigned char c) { return c > 0x20 && c < 0x7f && c != '/' && c != ':'; };
  if (!server_name->empty() && std::all_of(server_name->begin(), server_name->end(), in_a_name)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("credentials.server_name: \"", *server_name, "\" is no name; write it as in the certificate, without a port"));
}

/// Null if no token is asked for.
absl::StatusOr<std::shared_ptr<TokenCache>> MakeTokenCache(const MutualTlsOptions& options) {
  if (options.token_file && options.token_source) {
    return absl::InvalidArgumentError("credentials.token_file and credentials.token_source: give one of the two");
  }
  if (options.token_source) {
    auto tokens =
        std::make_shared<TokenCache>(TokenCache::Options{.source = options.token_source, .name = "credentials.token_source"});
    tokens->Prefetch();
    return tokens;
  }
  if (!options.token_file) return std::shared_ptr<TokenCache>();
  if (options.token_file->empty()) return absl::InvalidArgumentError("credentials.token_file: no file is named");
  absl::StatusOr<BearerToken> token = ReadTokenFile(*options.token_file);
  if (!token.ok()) {
    return absl::Status(token.status().code(), absl::StrCat("credentials.token_file: ", std::string(token.status().message())));
  }
  auto tokens =
      std::make_shared<TokenCache>(TokenCache::Options{.source = [file = *options.token_file] { return ReadTokenFile(file); },
                                                       .name = "credentials.token_file",
                                                       .refresh_every = kTokenFileInterval});
  tokens->Put(*std::move(token));
  return tokens;
}

absl::StatusOr<CredentialFiles> ReadSoundFiles(const Credentials& credentials) {
  absl::StatusOr<CredentialFiles> files = ReadCredentialFiles(credentials);
  if (!files.ok()) return files;
  if (absl::Status status = CheckCredentialFiles(*files, std::chrono::system_clock::now()); !status.ok()) return status;
  return files;
}

std::shared_ptr<grpc::ChannelCredentials> MakeChannelCredentials(const CredentialFiles& files,
                                                                 const std::shared_ptr<grpc::CallCredentials>& calls) {
  grpc::SslCredentialsOptions options;
  if (files.root_certificates) options.pem_root_certs = files.root_certificates->text;
  if (files.certificate_chain) options.pem_cert_chain = files.certificate_chain->text;
  if (files.private_key) options.pem_private_key = files.private_key->text;
  std::shared_ptr<grpc::ChannelCredentials> channel = grpc::SslCredentials(options);
  return calls == nullptr ? channel : grpc::CompositeChannelCredentials(channel, calls);
}

}  // namespace

absl::StatusOr<TransportCredentials> MakeTransportCredentials(const Credentials& credentials) {
  if (credentials.kind() == Credentials::Kind::kInsecure)
    return TransportCredentials{.channel = grpc::InsecureChannelCredentials()};

  const MutualTlsOptions& options = credentials.options();
  if (absl::Status status = CheckServerName(options.server_name); !status.ok()) return status;
  const absl::StatusOr<CredentialFiles> files = ReadSoundFiles(credentials);
  if (!files.ok()) return files.status();
  absl::StatusOr<std::shared_ptr<TokenCache>> tokens = MakeTokenCache(options);
  if (!tokens.ok()) return tokens.status();
  const auto calls = *tokens == nullptr ? nullptr : MakeBearerTokenCredentials(*tokens);
  return TransportCredentials{.channel = MakeChannelCredentials(*files, calls),
                              .tokens = *tokens,
                              .calls = calls,
                              .authority = options.server_name,
                              .fingerprint = files->fingerprint()};
}

absl::Status CheckCredentials(const Credentials& credentials) {
  const absl::StatusOr<CredentialFiles> files = ReadSoundFiles(credentials);
  return files.status();
}

CredentialRotation::CredentialRotation(const Credentials& credentials, const TransportCredentials& made)
    : credentials_(credentials), calls_(made.calls), in_use_(made.fingerprint) {}

bool CredentialRotation::Needed() const {
  return credentials_.kind() == Credentials::Kind::kMutualTls || credentials_.options().root_certificates.has_value();
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> CredentialRotation::Look(std::chrono::system_clock::time_point now) {
  if (!Needed()) return nullptr;
  const absl::StatusOr<CredentialFiles> files = ReadCredentialFiles(credentials_);
  if (!files.ok()) return Refuse(files.status(), files.status().ToString());
  std::string content = files->fingerprint();
  if (content != in_use_) {
    if (absl::Status status = CheckCredentialFiles(*files, now); !status.ok()) return Refuse(status, std::move(content));
    in_use_ = std::move(content);
    suspect_.clear();
    return MakeChannelCredentials(*files, calls_);
  }
  suspect_.clear();
  return nullptr;
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> CredentialRotation::Refuse(const absl::Status& reason,
                                                                                     std::string content) {
  if (content != suspect_) {
    suspect_ = std::move(content);
    reported_ = false;
    return nullptr;
  }
  if (std::exchange(reported_, true)) return nullptr;
  return reason;
}

}  // namespace userclient::internal
