#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tls/pem_file.h"
#include "userclient/credentials.h"

namespace userclient::internal {

/// What the PEM files of credentials hold at one moment. Absent: not asked for.
struct CredentialFiles {
  std::optional<PemFile> root_certificates{};
  std::optional<PemFile> certificate_chain{};
  std::optional<PemFile> private_key{};

  /// Changes when the content of any file does, and only then: a path may lead somewhere else, as in a Kubernetes secret, or a
  /// file may be written again with what it held.
  std::string fingerprint() const;
};

/// *Errors:* that a file cannot be read, with its option and path.
absl::StatusOr<CredentialFiles> ReadCredentialFiles(const Credentials& credentials);

/// Whether gRPC could use them, and a server would take them. *Errors:* INVALID_ARGUMENT or FAILED_PRECONDITION (not in its time)
/// with option, path, and what to do.
absl::Status CheckCredentialFiles(const CredentialFiles& files, std::chrono::system_clock::time_point now);

}  // namespace userclient::internal
