#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "tls/openssl_ptr.h"
#include "tls/pem_file.h"
#include "userclient/server/user_server.h"

namespace userclient::internal {

/// The TLS files of a server, read and checked together.
struct ServerTlsMaterial {
  PemFile certificate{};
  PemFile key{};
  std::optional<PemFile> client_ca{};
  std::string fingerprint{};

  // The same, as OpenSSL wants it.
  std::vector<OpensslPtr<X509>> chain{};
  OpensslPtr<EVP_PKEY> private_key{};
  std::vector<OpensslPtr<X509>> client_authorities{};
  /// Of these. Null: clients need no certificate.
  OpensslPtr<X509_STORE> client_store{};
};

/// *Errors:* NOT_FOUND, PERMISSION_DENIED or FAILED_PRECONDITION, with option and file.
absl::StatusOr<std::shared_ptr<const ServerTlsMaterial>> LoadServerTls(const ServerTlsFiles& files);

/// What a server shows to those who connect, and whom it trusts. Can be exchanged while it serves: whoever connects next meets
/// the new one, and connections that exist stay as they are. *Thread-safe.*
class ServerIdentity {
 public:
  explicit ServerIdentity(std::shared_ptr<const ServerTlsMaterial> material) : material_(std::move(material)) {}

  std::shared_ptr<const ServerTlsMaterial> material() const;
  void Exchange(std::shared_ptr<const ServerTlsMaterial> material);

  /// Puts it into one handshake, before the server has shown anything. False if OpenSSL does not take it.
  bool ApplyTo(SSL* handshake) const;

 private:
  mutable absl::Mutex mutex_;
  std::shared_ptr<const ServerTlsMaterial> material_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace userclient::internal
