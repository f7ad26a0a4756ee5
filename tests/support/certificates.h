#pragma once

/// Certificates for tests, made with OpenSSL: authorities, and what they sign for servers and clients.
///
///   TemporaryDirectory files;
///   CertificateAuthority authority("authority");
///   const auto ca = files.Write("ca.pem", authority.certificate());
///   const auto server = authority.Issue({.names = {"localhost"}, .addresses = {"127.0.0.1"}});
///   files.Write("server.pem", server.certificate);
///   files.Write("server.key", server.private_key);

#include <chrono>
#include <memory>
#include <string>
#include <vector>

typedef struct evp_pkey_st EVP_PKEY;
typedef struct x509_st X509;

namespace userclient::testing {

/// A certificate and its key, both PEM.
struct IssuedCertificate {
  std::string certificate{};
  std::string private_key{};
};

struct CertificateRequest {
  std::string common_name = "test";
  /// DNS names and IP addresses that it is good for.
  std::vector<std::string> names{};
  std::vector<std::string> addresses{};
  /// From now; both may lie in the past.
  std::chrono::seconds valid_from = -std::chrono::hours(1);
  std::chrono::seconds valid_until = std::chrono::hours(24);
};

/// Signs certificates. Ends the test program if OpenSSL cannot.
class CertificateAuthority {
 public:
  explicit CertificateAuthority(const std::string& name, std::chrono::seconds valid_until = std::chrono::hours(24));
  ~CertificateAuthority();
  CertificateAuthority(const CertificateAuthority&) = delete;
  CertificateAuthority& operator=(const CertificateAuthority&) = delete;

  /// PEM.
  const std::string& certificate() const { return certificate_; }

  IssuedCertificate Issue(const CertificateRequest& request) const;

 private:
  EVP_PKEY* key_ = nullptr;
  X509* self_ = nullptr;
  std::string certificate_;
};

/// The private key, encrypted with a pass phrase.
std::string Encrypted(const std::string& private_key, const std::string& pass_phrase);

}  // namespace userclient::testing
