#include "server/server_credentials.h"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace userclient::internal {
namespace {

absl::StatusOr<std::string> ReadFile(const std::filesystem::path& file) {
  std::error_code failed;
  if (std::filesystem::is_directory(file, failed))
    return absl::FailedPreconditionError(absl::StrCat(file.string(), ": is a directory"));
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  std::string content((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  if (!stream) {
    return absl::NotFoundError(
        absl::StrCat(file.string(), ": ", errno != 0 ? std::generic_category().message(errno) : "cannot be read"));
  }
  return content;
}

absl::StatusOr<std::string> ReadPem(const std::filesystem::path& file, const char* label) {
  absl::StatusOr<std::string> content = ReadFile(file);
  if (!content.ok()) return content;
  const size_t begin = content->find("-----BEGIN ");
  const size_t found = content->find(label, begin == std::string::npos ? 0 : begin);
  if (begin == std::string::npos || found == std::string::npos) {
    return absl::FailedPreconditionError(absl::StrCat(file.string(), ": holds no PEM block \"", label, "\""));
  }
  return content;
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(const std::optional<ServerTlsFiles>& tls) {
  if (!tls) return grpc::InsecureServerCredentials();
  absl::StatusOr<std::string> certificate = ReadPem(tls->certificate, "CERTIFICATE");
  if (!certificate.ok()) return certificate.status();
  absl::StatusOr<std::string> key = ReadPem(tls->key, "PRIVATE KEY");
  if (!key.ok()) return key.status();
  grpc::SslServerCredentialsOptions options(tls->client_ca ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                                           : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  options.pem_key_cert_pairs.push_back({.private_key = *std::move(key), .cert_chain = *std::move(certificate)});
  if (tls->client_ca) {
    absl::StatusOr<std::string> authority = ReadPem(*tls->client_ca, "CERTIFICATE");
    if (!authority.ok()) return authority.status();
    options.pem_root_certs = *std::move(authority);
  }
  return grpc::SslServerCredentials(options);
}

absl::StatusOr<std::string> ReadTokenFile(const std::filesystem::path& file) {
  absl::StatusOr<std::string> content = ReadFile(file);
  if (!content.ok()) return content;
  const std::string token(absl::StripAsciiWhitespace(*content));
  if (token.empty()) return absl::FailedPreconditionError(absl::StrCat(file.string(), ": holds no token"));
  for (char c : token) {
    if (c <= ' ' || c > '~')
      return absl::FailedPreconditionError(absl::StrCat(file.string(), ": must hold one token, printable ASCII without spaces"));
  }
  return token;
}

}  // namespace userclient::internal
