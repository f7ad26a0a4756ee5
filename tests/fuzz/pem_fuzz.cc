// Certificates and keys as files hold them: an error names option and file, and nothing of it stays with OpenSSL.

#include <openssl/err.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/fuzz_target.h"
#include "tls/fingerprint.h"
#include "tls/pem_file.h"

namespace userclient::fuzz {
namespace {

void RequireSound(const absl::Status& status) {
  Require(ERR_peek_error() == 0, "OpenSSL has nothing left to complain of", status.ToString());
  if (status.ok()) return;
  Require(status.code() == absl::StatusCode::kInvalidArgument || status.code() == absl::StatusCode::kFailedPrecondition,
          "a file is refused", status.ToString());
  const std::string message(status.message());
  Require(message.starts_with("option: /file.pem: "), "an error begins with the option and the file", message);
}

}  // namespace

void Feed(std::string_view bytes) {
  const internal::PemFile file = {.option = "option", .path = "/file.pem", .text = std::string(bytes)};
  const std::chrono::system_clock::time_point now{std::chrono::seconds(1'800'000'000)};

  const auto certificates = internal::ParseCertificates(file);
  RequireSound(certificates.status());
  if (certificates.ok()) {
    Require(!certificates->empty(), "an accepted file has certificates");
    for (const auto& certificate : *certificates) {
      Require(!internal::EndOf(*certificate).empty(), "a certificate has an end");
      static_cast<void>(internal::SubjectOf(*certificate));
      static_cast<void>(internal::IssuerOf(*certificate));
    }
  }
  const auto key = internal::ParsePrivateKey(file);
  RequireSound(key.status());
  const absl::Status authorities = internal::CheckAuthorities(file, now);
  RequireSound(authorities);
  Require(certificates.ok() || !authorities.ok(), "authorities are certificates");
  const absl::Status identity = internal::CheckIdentity(file, file, now);
  RequireSound(identity);
  Require(!identity.ok() || (certificates.ok() && key.ok()), "an identity has a certificate and a key");
  Require(internal::Fingerprint({file.text}) != internal::Fingerprint({file.text + "x"}), "another content, another fingerprint");
}

}  // namespace userclient::fuzz
