#pragma once

#include <string>
#include <vector>

#include "tests/server/temporary_directory.h"
#include "tests/support/certificates.h"

namespace userclient::chaos {

/// The certificates of a service in files, and how they pass from one authority to the next: first clients trust both, then
/// servers show the new one's, then clients trust the new one alone.
class RotatingCertificates {
 public:
  RotatingCertificates();

  /// Of user_server.
  std::vector<std::string> ServerFlags() const;
  std::filesystem::path roots() const { return files_ / "roots.pem"; }

  void TrustBoth();
  void ShowNew();
  void TrustNew();

 private:
  void Show(const testing::CertificateAuthority& authority);

  testing::TemporaryDirectory files_;
  testing::CertificateAuthority old_{"old authority"};
  testing::CertificateAuthority new_{"new authority"};
};

}  // namespace userclient::chaos
