#include "transport/credentials.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace userclient::internal {
namespace {

absl::StatusOr<std::string> ReadFile(std::string_view option, const std::filesystem::path& file) {
  const std::string place = absl::StrCat("credentials.", std::string(option), ": ");
  if (file.empty()) return absl::InvalidArgumentError(absl::StrCat(place, "no file is named"));
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  if (stream) text << stream.rdbuf();
  // An empty file leaves the text failed, but not bad; a directory can be opened, and turns out bad.
  if (!stream || text.bad()) {
    return absl::ErrnoToStatus(errno != 0 ? errno : EIO, absl::StrCat(place, "cannot read ", file.string()));
  }
  return std::move(text).str();
}

absl::StatusOr<std::string> ReadPem(std::string_view option, const std::filesystem::path& file, std::string_view holds) {
  absl::StatusOr<std::string> text = ReadFile(option, file);
  if (!text.ok()) return text;
  const size_t begin = text->find("-----BEGIN ");
  if (begin == std::string::npos || text->find(std::string(holds), begin) == std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("credentials.", std::string(option), ": ", file.string(), " holds no ", std::string(holds), " in PEM form"));
  }
  return text;
}

absl::StatusOr<std::string> ReadToken(const std::filesystem::path& file) {
  absl::StatusOr<std::string> text = ReadFile("token_file", file);
  if (!text.ok()) return text;
  const auto visible = [](unsigned char c) { return c > 0x20 && c < 0x7f; };
  const auto first = std::find_if(text->begin(), text->end(), visible);
  const auto last = std::find_if(text->rbegin(), text->rend(), visible).base();
  if (first >= last) return absl::InvalidArgumentError(absl::StrCat("credentials.token_file: ", file.string(), " is empty"));
  const std::string token(first, last);
  if (!std::all_of(token.begin(), token.end(), visible)) {
    return absl::InvalidArgumentError(
        absl::StrCat("credentials.token_file: ", file.string(), " holds more than one token of printable characters"));
  }
  return token;
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(const Credentials& credentials) {
  if (credentials.kind() == Credentials::Kind::kInsecure) return grpc::InsecureChannelCredentials();

  const MutualTlsOptions& files = credentials.files();
  grpc::SslCredentialsOptions options;
  if (files.root_certificates) {
    absl::StatusOr<std::string> roots = ReadPem("root_certificates", *files.root_certificates, "CERTIFICATE");
    if (!roots.ok()) return roots.status();
    options.pem_root_certs = *std::move(roots);
  }
  if (credentials.kind() == Credentials::Kind::kMutualTls) {
    absl::StatusOr<std::string> chain = ReadPem("certificate_chain", files.certificate_chain, "CERTIFICATE");
    if (!chain.ok()) return chain.status();
    absl::StatusOr<std::string> key = ReadPem("private_key", files.private_key, "PRIVATE KEY");
    if (!key.ok()) return key.status();
    options.pem_cert_chain = *std::move(chain);
    options.pem_private_key = *std::move(key);
  }
  std::shared_ptr<grpc::ChannelCredentials> channel_credentials = grpc::SslCredentials(options);
  if (!files.token_file) return channel_credentials;

  absl::StatusOr<std::string> token = ReadToken(*files.token_file);
  if (!token.ok()) return token.status();
  return grpc::CompositeChannelCredentials(channel_credentials, grpc::AccessTokenCredentials(*token));
}

}  // namespace userclient::internal
