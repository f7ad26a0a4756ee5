#include "transport/credential_files.h"

#include "tls/fingerprint.h"

namespace userclient::internal {

std::string CredentialFiles::fingerprint() const {
  const auto text_of = [](const std::optional<PemFile>& file) { return file ? file->text : std::string(); };
  return Fingerprint({text_of(root_certificates), text_of(certificate_chain), text_of(private_key)});
}

absl::StatusOr<CredentialFiles> ReadCredentialFiles(const Credentials& credentials) {
  CredentialFiles files;
  absl::Status status;
  const auto read = [&status](const char* option, const std::filesystem::path& path) -> std::optional<PemFile> {
    absl::StatusOr<PemFile> file = ReadPemFile(option, path);
    if (file.ok()) return *std::move(file);
    status.Update(file.status());
    return std::nullopt;
  };
  const MutualTlsOptions& options = credentials.options();
  if (options.root_certificates) files.root_certificates = read("credentials.root_certificates", *options.root_certificates);
  if (credentials.kind() == Credentials::Kind::kMutualTls) {
    files.certificate_chain = read("credentials.certificate_chain", options.certificate_chain);
    files.private_key = read("credentials.private_key", options.private_key);
  }
  if (!status.ok()) return status;
  return files;
}

absl::Status CheckCredentialFiles(const CredentialFiles& files, std::chrono::system_clock::time_point now) {
  if (files.root_certificates) {
    if (absl::Status status = CheckAuthorities(*files.root_certificates, now); !status.ok()) return status;
  }
  if (!files.certificate_chain) return absl::OkStatus();
  return CheckIdentity(*files.certificate_chain, *files.private_key, now);
}

}  // namespace userclient::internal
