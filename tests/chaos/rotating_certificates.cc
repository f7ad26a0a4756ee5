#include "tests/chaos/rotating_certificates.h"

namespace userclient::chaos {

RotatingCertificates::RotatingCertificates() {
  files_.Replace("roots.pem", old_.certificate());
  Show(old_);
}

std::vector<std::string> RotatingCertificates::ServerFlags() const {
  return {"--tls-cert", (files_ / "server.pem").string(), "--tls-key", (files_ / "server.key").string()};
}

void RotatingCertificates::TrustBoth() { files_.Replace("roots.pem", old_.certificate() + new_.certificate()); }

void RotatingCertificates::ShowNew() { Show(new_); }

void RotatingCertificates::TrustNew() { files_.Replace("roots.pem", new_.certificate()); }

void RotatingCertificates::Show(const testing::CertificateAuthority& authority) {
  // Between the two the server sees that they do not fit, and waits.
  const testing::IssuedCertificate issued = authority.Issue({.names = {"users.cluster.test"}});
  files_.Replace("server.pem", issued.certificate);
  files_.Replace("server.key", issued.private_key);
}

}  // namespace userclient::chaos
