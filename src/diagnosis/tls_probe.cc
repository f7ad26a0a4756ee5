#include "diagnosis/tls_probe.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tls/openssl_error.h"

namespace userclient::internal {
namespace {

constexpr unsigned char kAlpn[] = "\x02h2";

absl::Status OpensslFailed(const char* what) {
  return absl::InternalError(absl::StrCat("OpenSSL cannot ", what, ": ", TakeOpensslError()));
}

/// The authorities that gRPC trusts when it is given none.
bool TrustSystem(SSL_CTX* context) {
  const char* const file = std::getenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH");
  if (file != nullptr && SSL_CTX_load_verify_locations(context, file, nullptr) == 1) return true;
  return SSL_CTX_set_default_verify_paths(context) == 1;
}

absl::Status Trust(SSL_CTX* context, const std::optional<PemFile>& roots) {
  if (!roots) return TrustSystem(context) ? absl::OkStatus() : OpensslFailed("find the system's authorities");
  absl::StatusOr<std::vector<OpensslPtr<X509>>> certificates = ParseCertificates(*roots);
  if (!certificates.ok()) return certificates.status();
  for (const OpensslPtr<X509>& certificate : *certificates) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate.get());
  }
  return absl::OkStatus();
}

absl::Status Show(SSL_CTX* context, const CredentialFiles& files) {
  if (!files.certificate_chain) return absl::OkStatus();
  absl::StatusOr<std::vector<OpensslPtr<X509>>> chain = ParseCertificates(*files.certificate_chain);
  if (!chain.ok()) return chain.status();
  const absl::StatusOr<OpensslPtr<EVP_PKEY>> key = ParsePrivateKey(*files.private_key);
  if (!key.ok()) return key.status();
  if (SSL_CTX_use_certificate(context, chain->front().get()) != 1) return OpensslFailed("use the certificate");
  for (size_t i = 1; i < chain->size(); ++i) SSL_CTX_add1_chain_cert(context, (*chain)[i].get());
  if (SSL_CTX_use_PrivateKey(context, key->get()) != 1) return OpensslFailed("use the private key");
  return absl::OkStatus();
}

int NoteAsked(SSL*, void* asked) {
  *static_cast<bool*>(asked) = true;
  return 1;
}

bool IsAddress(const std::string& host) {
  ASN1_OCTET_STRING* const address = a2i_IPADDRESS(host.c_str());
  ASN1_OCTET_STRING_free(address);
  return address != nullptr;
}

/// One handshake. What OpenSSL reads and writes goes through memory, because it would write to a closed socket with a signal.
class Handshake {
 public:
  /// The BIOs belong to `ssl`.
  Handshake(ProbeConnection& connection, SSL* ssl, BIO* received, BIO* to_send)
      : connection_(connection), ssl_(ssl), received_(received), to_send_(to_send) {}

  /// Repeats a step until it succeeds, fails, or the deadline comes.
  template <typename Step>
  TlsFindings::Handshake Do(Step step, TlsFindings& findings) {
    while (true) {
      ERR_clear_error();
      const int result = step(ssl_);
      const int error = SSL_get_error(ssl_, result);
      Send();
      if (result > 0) return TlsFindings::Handshake::kDone;
      if (error != SSL_ERROR_WANT_READ) return Failed(error, findings);
      const std::string bytes = connection_.Read(1);
      if (bytes.empty()) return connection_.timed_out() ? TlsFindings::Handshake::kSilence : TlsFindings::Handshake::kClosed;
      BIO_write(received_, bytes.data(), static_cast<int>(bytes.size()));
    }
  }

 private:
  static TlsFindings::Handshake Failed(int error, TlsFindings& findings) {
    if (error != SSL_ERROR_SSL) return TlsFindings::Handshake::kClosed;
    const int reason = ERR_GET_REASON(ERR_peek_last_error());
    if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) return TlsFindings::Handshake::kClosed;
    findings.refusal = TakeOpensslError();
    if (reason <= SSL_AD_REASON_OFFSET) return TlsFindings::Handshake::kNotUnderstood;
    findings.alert = reason - SSL_AD_REASON_OFFSET;
    return TlsFindings::Handshake::kRefused;
  }

  /// A server that has closed the connection may have said why before: reading tells.
  void Send() {
    char* bytes = nullptr;
    const auto size = BIO_get_mem_data(to_send_, &bytes);
    if (size > 0) connection_.Write({bytes, static_cast<size_t>(size)});
    BIO_reset(to_send_);
  }

  ProbeConnection& connection_;
  SSL* const ssl_;
  BIO* const received_;
  BIO* const to_send_;
};

void Inspect(SSL* ssl, const std::string& host, TlsFindings& findings) {
  findings.server_certificate.reset(SSL_get1_peer_certificate(ssl));
  if (findings.server_certificate == nullptr) return;
  X509* const certificate = findings.server_certificate.get();
  findings.verification = static_cast<int>(SSL_get_verify_result(ssl));
  findings.right_name = IsAddress(host) ? X509_check_ip_asc(certificate, host.c_str(), 0) == 1
                                        : X509_check_host(certificate, host.data(), host.size(), 0, nullptr) == 1;
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl, &protocol, &size);
  if (size > 0) findings.protocol.assign(reinterpret_cast<const char*>(protocol), size);
}

}  // namespace

absl::StatusOr<TlsFindings> ProbeTls(ProbeConnection& connection, const CredentialFiles& files, const std::string& host) {
  const OpensslPtr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr) return OpensslFailed("begin");
  TlsFindings findings;
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_alpn_protos(context.get(), kAlpn, sizeof(kAlpn) - 1);
  SSL_CTX_set_cert_cb(context.get(), &NoteAsked, &findings.asked_for_certificate);
  if (absl::Status status = Trust(context.get(), files.root_certificates); !status.ok()) return status;
  if (absl::Status status = Show(context.get(), files); !status.ok()) return status;
  // Verifies all the same, and goes on.
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);

  const OpensslPtr<SSL> ssl(SSL_new(context.get()));
  if (ssl == nullptr) return OpensslFailed("begin");
  BIO* const received = BIO_new(BIO_s_mem());
  BIO* const to_send = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), received, to_send);
  if (!IsAddress(host)) SSL_set_tlsext_host_name(ssl.get(), host.c_str());
  Handshake handshake(connection, ssl.get(), received, to_send);
  findings.handshake = handshake.Do([](SSL* s) { return SSL_connect(s); }, findings);
  Inspect(ssl.get(), host, findings);
  if (findings.handshake != TlsFindings::Handshake::kDone) return findings;

  const std::string_view preface = Http2Preface();
  handshake.Do([&](SSL* s) { return SSL_write(s, preface.data(), static_cast<int>(preface.size())); }, findings);
  std::array<char, 512> buffer;
  int count = 0;
  const TlsFindings::Handshake after =
      handshake.Do([&](SSL* s) { return count = SSL_read(s, buffer.data(), static_cast<int>(buffer.size())); }, findings);
  findings.greeting =
      GreetingOf({buffer.data(), count > 0 ? static_cast<size_t>(count) : 0}, after == TlsFindings::Handshake::kSilence);
  return findings;
}

}  // namespace userclient::internal
