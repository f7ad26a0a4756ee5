#include "server/server_identity.h"

#include <openssl/ssl.h>

#include <chrono>
#include <optional>
#include <utility>

#include "tls/fingerprint.h"

namespace userclient::internal {
namespace {

/// A file that cannot be used is no mistake in the options.
absl::Status OfFile(const absl::Status& status) {
  return absl::IsInvalidArgument(status) ? absl::FailedPreconditionError(status.message()) : status;
}

absl::Status Check(const ServerTlsMaterial& material) {
  const auto now = std::chrono::system_clock::now();
  if (absl::Status status = CheckIdentity(material.certificate, material.key, now); !status.ok()) return status;
  return material.client_ca ? CheckAuthorities(*material.client_ca, now) : absl::OkStatus();
}

OpensslPtr<X509_STORE> StoreOf(const std::vector<OpensslPtr<X509>>& authorities) {
  OpensslPtr<X509_STORE> store(X509_STORE_new());
  for (const OpensslPtr<X509>& authority : authorities) X509_STORE_add_cert(store.get(), authority.get());
  return store;
}

/// Tells clients with several certificates which to show.
bool NameAuthorities(SSL* handshake, const std::vector<OpensslPtr<X509>>& authorities) {
  SSL_set_client_CA_list(handshake, nullptr);
  for (const OpensslPtr<X509>& authority : authorities) {
    if (SSL_add_client_CA(handshake, authority.get()) != 1) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const ServerTlsMaterial>> LoadServerTls(const ServerTlsFiles& files) {
  auto material = std::make_shared<ServerTlsMaterial>();
  absl::StatusOr<PemFile> certificate = ReadPemFile("tls.certificate", files.certificate);
  if (!certificate.ok()) return OfFile(certificate.status());
  absl::StatusOr<PemFile> key = ReadPemFile("tls.key", files.key);
  if (!key.ok()) return OfFile(key.status());
  material->certificate = *std::move(certificate);
  material->key = *std::move(key);
  if (files.client_ca) {
    absl::StatusOr<PemFile> client_ca = ReadPemFile("tls.client_ca", *files.client_ca);
    if (!client_ca.ok()) return OfFile(client_ca.status());
    material->client_ca = *std::move(client_ca);
  }
  material->fingerprint = Fingerprint(
      {material->certificate.text, material->key.text, material->client_ca ? material->client_ca->text : std::string()});
  if (absl::Status status = Check(*material); !status.ok()) return OfFile(status);

  material->chain = *ParseCertificates(material->certificate);
  material->private_key = *ParsePrivateKey(material->key);
  if (material->client_ca) {
    material->client_authorities = *ParseCertificates(*material->client_ca);
    material->client_store = StoreOf(material->client_authorities);
  }
  return material;
}

std::shared_ptr<const ServerTlsMaterial> ServerIdentity::material() const {
  absl::ReaderMutexLock lock(&mutex_);
  return material_;
}

void ServerIdentity::Exchange(std::shared_ptr<const ServerTlsMaterial> material) {
  absl::MutexLock lock(&mutex_);
  material_ = std::move(material);
}

bool ServerIdentity::ApplyTo(SSL* handshake) const {
  const std::shared_ptr<const ServerTlsMaterial> now = material();
  SSL_certs_clear(handshake);
  if (SSL_use_certificate(handshake, now->chain.front().get()) != 1) return false;
  for (size_t i = 1; i < now->chain.size(); ++i) {
    if (SSL_add1_chain_cert(handshake, now->chain[i].get()) != 1) return false;
  }
  if (SSL_use_PrivateKey(handshake, now->private_key.get()) != 1) return false;
  if (now->client_store == nullptr) return true;
  return SSL_set1_verify_cert_store(handshake, now->client_store.get()) == 1 &&
         NameAuthorities(handshake, now->client_authorities);
}

}  // namespace userclient::internal
