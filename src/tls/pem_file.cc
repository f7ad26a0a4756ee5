#include "tls/pem_file.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tls/openssl_error.h"
#include "tls/read_file.h"

namespace userclient::internal {
namespace {

/// *Errors:* that of the file, what is wrong with it, and what OpenSSL has to say.
absl::Status Unusable(const PemFile& file, std::string_view problem) {
  const std::string reason = TakeOpensslError();
  return absl::InvalidArgumentError(
      absl::StrCat(file.place(), ": ", std::string(problem), reason.empty() ? "" : absl::StrCat(" (", reason, ")")));
}

OpensslPtr<BIO> ReaderOf(const std::string& text) {
  return OpensslPtr<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

/// Gives no pass phrase: nobody is there to type one.
int NoPassPhrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

absl::Time ToTime(const ASN1_TIME* time) {
  std::tm fields = {};
  if (ASN1_TIME_to_tm(time, &fields) != 1) return absl::InfinitePast();
  return absl::FromTM(fields, absl::UTCTimeZone());
}

std::string Shown(absl::Time time) { return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", time, absl::UTCTimeZone()); }

std::string Shown(const X509_NAME* name) {
  char common_name[256];
  if (X509_NAME_get_text_by_NID(const_cast<X509_NAME*>(name), NID_commonName, common_name, sizeof(common_name)) > 0) {
    return common_name;
  }
  const OpensslPtr<BIO> out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), const_cast<X509_NAME*>(name), 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
  char* text = nullptr;
  const auto size = BIO_get_mem_data(out.get(), &text);
  return std::string(text, static_cast<size_t>(std::max<decltype(size)>(size, 0)));
}

}  // namespace

std::string PemFile::place() const { return absl::StrCat(option, ": ", path.string()); }

absl::StatusOr<PemFile> ReadPemFile(std::string_view option, const std::filesystem::path& path) {
  PemFile file = {.option = std::string(option), .path = path};
  if (path.empty()) return absl::InvalidArgumentError(absl::StrCat(file.option, ": no file is named"));
  absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) {
    return absl::Status(text.status().code(), absl::StrCat(file.option, ": ", std::string(text.status().message())));
  }
  file.text = *std::move(text);
  return file;
}

absl::StatusOr<std::vector<OpensslPtr<X509>>> ParseCertificates(const PemFile& file) {
  ERR_clear_error();
  std::vector<OpensslPtr<X509>> certificates;
  const OpensslPtr<BIO> reader = ReaderOf(file.text);
  while (X509* certificate = PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr)) certificates.emplace_back(certificate);
  // It reads until no PEM begins any more, and calls that an error too.
  const bool end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (end) ERR_clear_error();
  if (!end) return Unusable(file, absl::StrCat("certificate number ", certificates.size() + 1, " in it cannot be read"));
  if (certificates.empty()) return Unusable(file, "holds no CERTIFICATE in PEM form");
  return certificates;
}

absl::StatusOr<OpensslPtr<EVP_PKEY>> ParsePrivateKey(const PemFile& file) {
  ERR_clear_error();
  bool encrypted = false;
  const OpensslPtr<BIO> reader = ReaderOf(file.text);
  OpensslPtr<EVP_PKEY> key(PEM_read_bio_PrivateKey(reader.get(), nullptr, &NoPassPhrase, &encrypted));
  if (key != nullptr) {
    TakeOpensslError();
    return key;
  }
  if (encrypted) {
    TakeOpensslError();
    return Unusable(file,
                    "the private key needs a pass phrase; write it without one, for example with openssl pkey -in OLD -out NEW");
  }
  if (file.text.find("PRIVATE KEY-----") != std::string::npos) return Unusable(file, "the private key cannot be read");
  TakeOpensslError();
  return Unusable(file, "holds no PRIVATE KEY in PEM form");
}

absl::Status CheckAuthorities(const PemFile& file, std::chrono::system_clock::time_point now) {
  const absl::StatusOr<std::vector<OpensslPtr<X509>>> certificates = ParseCertificates(file);
  if (!certificates.ok()) return certificates.status();
  absl::Time last = absl::InfinitePast();
  for (const OpensslPtr<X509>& certificate : *certificates) last = std::max(last, ToTime(X509_get0_notAfter(certificate.get())));
  if (last >= absl::FromChrono(now)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(file.place(), ": ",
                                                    certificates->size() == 1 ? "the authority" : "the last of its authorities",
                                                    " expired on ", Shown(last), "; get the present one"));
}

absl::Status CheckIdentity(const PemFile& chain, const PemFile& key, std::chrono::system_clock::time_point now) {
  const absl::StatusOr<std::vector<OpensslPtr<X509>>> certificates = ParseCertificates(chain);
  if (!certificates.ok()) return certificates.status();
  const absl::StatusOr<OpensslPtr<EVP_PKEY>> private_key = ParsePrivateKey(key);
  if (!private_key.ok()) return private_key.status();

  X509* const own = certificates->front().get();
  const bool fits = X509_check_private_key(own, private_key->get()) == 1;
  TakeOpensslError();
  if (!fits) {
    return absl::InvalidArgumentError(absl::StrCat(key.place(), ": is not the key of the first certificate in ",
                                                   chain.path.string(), " (", SubjectOf(*own),
                                                   "); give the key that it was made with, and that certificate first"));
  }
  if (const absl::Time begin = ToTime(X509_get0_notBefore(own)); begin > absl::FromChrono(now)) {
    return absl::FailedPreconditionError(absl::StrCat(chain.place(), ": the certificate (", SubjectOf(*own),
                                                      ") is not valid before ", Shown(begin),
                                                      "; is the clock of this machine right?"));
  }
  if (ToTime(X509_get0_notAfter(own)) < absl::FromChrono(now)) {
    return absl::FailedPreconditionError(absl::StrCat(chain.place(), ": the certificate (", SubjectOf(*own), ") expired on ",
                                                      EndOf(*own), "; have a new one issued"));
  }
  return absl::OkStatus();
}

std::string EndOf(const X509& certificate) { return Shown(ToTime(X509_get0_notAfter(&certificate))); }

std::string SubjectOf(const X509& certificate) { return Shown(X509_get_subject_name(&certificate)); }

std::string IssuerOf(const X509& certificate) { return Shown(X509_get_issuer_name(&certificate)); }

}  // namespace userclient::internal
