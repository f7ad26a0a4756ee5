#pragma once

#include <filesystem>
#include <optional>
#include <utility>

namespace userclient {

/// Files for a TLS connection; all hold PEM. They are read when the client is created.
struct TlsOptions {
  /// The certificate authorities to trust. Absent: those of the system.
  std::optional<std::filesystem::path> root_certificates{};
  /// A bearer token, sent as `authorization: Bearer <token>` with every attempt. White space around it is dropped.
  std::optional<std::filesystem::path> token_file{};
};

/// The same, with a certificate of the client's own.
struct MutualTlsOptions {
  std::optional<std::filesystem::path> root_certificates{};
  /// The client's certificate, followed by intermediate ones if there are any. Required.
  std::filesystem::path certificate_chain{};
  /// Required.
  std::filesystem::path private_key{};
  std::optional<std::filesystem::path> token_file{};
};

/// How a client proves who it is, and makes sure of the server. A value; copy it freely.
///
/// There is no default: a client without transport security has to say so. A token can only be given together with TLS, so it
/// never travels in the clear.
class Credentials {
 public:
  /// Plain text over TCP. For tests, for a service mesh that encrypts below, and for nothing else.
  static Credentials Insecure() { return Credentials(Kind::kInsecure, {}); }
  static Credentials Tls(TlsOptions options = {}) {
    return Credentials(Kind::kTls,
                       {.root_certificates = std::move(options.root_certificates), .token_file = std::move(options.token_file)});
  }
  static Credentials MutualTls(MutualTlsOptions options) { return Credentials(Kind::kMutualTls, std::move(options)); }

  enum class Kind { kInsecure, kTls, kMutualTls };
  Kind kind() const { return kind_; }
  const MutualTlsOptions& files() const { return files_; }

 private:
  Credentials(Kind kind, MutualTlsOptions files) : kind_(kind), files_(std::move(files)) {}

  Kind kind_;
  MutualTlsOptions files_;
};

}  // namespace userclient
