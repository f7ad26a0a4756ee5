#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tls/openssl_ptr.h"

namespace userclient::internal {

/// A file of certificates or with a key, and by which option it was named. Every error begins with both:
/// `credentials.private_key: /etc/tls/tls.key: ...`.
struct PemFile {
  std::string option{};
  std::filesystem::path path{};
  std::string text{};

  std::string place() const;
};

/// Reads a file, whatever it holds. *Errors:* INVALID_ARGUMENT if none is named, else why it cannot be read: NOT_FOUND,
/// PERMISSION_DENIED, ...
absl::StatusOr<PemFile> ReadPemFile(std::string_view option, const std::filesystem::path& path);

/// The certificates in a file, in its order. *Errors:* INVALID_ARGUMENT if there is none, or one that is none.
absl::StatusOr<std::vector<OpensslPtr<X509>>> ParseCertificates(const PemFile& file);

/// *Errors:* INVALID_ARGUMENT if there is no private key, or one that needs a pass phrase.
absl::StatusOr<OpensslPtr<EVP_PKEY>> ParsePrivateKey(const PemFile& file);

/// Whether certificates to trust can be had from a file. *Errors:* those of ParseCertificates; FAILED_PRECONDITION if all have
/// expired.
absl::Status CheckAuthorities(const PemFile& file, std::chrono::system_clock::time_point now);

/// Whether a certificate chain and a private key can be shown to others. *Errors:* INVALID_ARGUMENT if either is none, or the key
/// belongs to another certificate; FAILED_PRECONDITION if the certificate has expired, or is not valid yet.
absl::Status CheckIdentity(const PemFile& chain, const PemFile& key, std::chrono::system_clock::time_point now);

/// When a certificate ends, as "2026-11-20 09:00:44 UTC".
std::string EndOf(const X509& certificate);

/// Who it is for: the common name, or all there is.
std::string SubjectOf(const X509& certificate);
std::string IssuerOf(const X509& certificate);

}  // namespace userclient::internal
