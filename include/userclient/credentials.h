#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "userclient/bearer_token.h"

namespace userclient {

/// For a TLS connection. Files hold PEM. They are checked when the client is created, and looked at every
/// ClientOptions::file_check_interval from then on: new content, once it is sound, means new connections, and the old ones go
/// when their calls are done. Content that is not sound changes nothing, and is reported.
struct TlsOptions {
  /// The certificate authorities to trust. Absent: those of the system, which are not looked at again.
  std::optional<std::filesystem::path> root_certificates{};
  /// The name that the server's certificate must be for, instead of the host in the target: for a target that is an address, or
  /// an alias. It is also what the server sees as `:authority`.
  std::optional<std::string> server_name{};
  /// A file with a bearer token, sent as `authorization: Bearer <token>` with every attempt. White space around it is dropped. It
  /// is read again when a call needs it and 5 s have passed, whatever ClientOptions::file_check_interval.
  std::optional<std::filesystem::path> token_file{};
  /// The same from anywhere else. Not together with `token_file`.
  TokenSource token_source{};
};

/// The same, with a certificate of the client's own.
struct MutualTlsOptions {
  std::optional<std::filesystem::path> root_certificates{};
  /// The client's certificate, followed by intermediate ones if there are any. Required.
  std::filesystem::path certificate_chain{};
  /// The key of that certificate, without a pass phrase. Required.
  std::filesystem::path private_key{};
  std::optional<std::string> server_name{};
  std::optional<std::filesystem::path> token_file{};
  TokenSource token_source{};
};

/// How a client proves who it is, and makes sure of the server. A value; copy it freely.
///
/// There is no default: a client without transport security has to say so. A token can only be given together with TLS, so it
/// never travels in the clear. A server's certificate must be signed by a trusted authority, in its time, and for the name that
/// was asked for; there is no way to turn that off.
class Credentials {
 public:
  /// Plain text over TCP. For tests, for a service mesh that encrypts below, and for nothing else.
  static Credentials Insecure() { return Credentials(Kind::kInsecure, {}); }
  static Credentials Tls(TlsOptions options = {}) {
    return Credentials(Kind::kTls, {.root_certificates = std::move(options.root_certificates),
                                    .server_name = std::move(options.server_name),
                                    .token_file = std::move(options.token_file),
                                    .token_source = std::move(options.token_source)});
  }
  static Credentials MutualTls(MutualTlsOptions options) { return Credentials(Kind::kMutualTls, std::move(options)); }

  enum class Kind { kInsecure, kTls, kMutualTls };
  Kind kind() const { return kind_; }
  const MutualTlsOptions& options() const { return options_; }

 private:
  Credentials(Kind kind, MutualTlsOptions options) : kind_(kind), options_(std::move(options)) {}

  Kind kind_;
  MutualTlsOptions options_;
};

}  // namespace userclient
