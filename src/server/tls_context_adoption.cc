#include "server/tls_context_adoption.h"

#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include <utility>

namespace userclient::internal {
namespace {

thread_local TlsContextAdoption* current = nullptr;

}  // namespace

/// What OpenSSL calls for every context of the process.
class TlsContextAdoption::Hook {
 public:
  /// Registers it, once for the process.
  static bool Install() {
    static const int index = SSL_CTX_get_ex_new_index(0, nullptr, &OnNew, nullptr, &OnFree);
    return index >= 0;
  }

 private:
  using Identity = std::shared_ptr<const ServerIdentity>;

  // NOLINTNEXTLINE(google-runtime-int): OpenSSL's own types
  static void OnNew(void* parent, void*, CRYPTO_EX_DATA* data, int index, long, void*) {
    if (current == nullptr) return;
    auto* const context = static_cast<SSL_CTX*>(parent);
    auto identity = std::make_unique<Identity>(current->identity_);
    SSL_CTX_set_options(context, SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 | SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_cert_cb(context, &OnHandshake, identity.get());
    // The context keeps it from here on.
    if (CRYPTO_set_ex_data(data, index, identity.get()) != 1) return SSL_CTX_set_cert_cb(context, nullptr, nullptr);
    identity.release();  // NOLINT(bugprone-unused-return-value): OnFree deletes it
    ++current->adopted_;
  }

  // NOLINTNEXTLINE(google-runtime-int): OpenSSL's own types
  static void OnFree(void*, void* identity, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<Identity*>(identity); }

  static int OnHandshake(SSL* handshake, void* identity) {
    return (*static_cast<const Identity*>(identity))->ApplyTo(handshake) ? 1 : 0;
  }
};

TlsContextAdoption::TlsContextAdoption(std::shared_ptr<const ServerIdentity> identity)
    : identity_(std::move(identity)), outer_(current) {
  if (Hook::Install()) current = this;
}

TlsContextAdoption::~TlsContextAdoption() { current = outer_; }

}  // namespace userclient::internal
