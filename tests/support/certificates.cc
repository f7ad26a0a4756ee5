#include "tests/support/certificates.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace userclient::testing {
namespace {

template <typename T>
T Must(T result, const char* what) {
  if (!result) {
    std::fprintf(stderr, "OpenSSL cannot %s\n", what);
    ERR_print_errors_fp(stderr);
    std::abort();
  }
  return result;
}

std::string ContentOf(BIO* bio) {
  char* data = nullptr;
  // NOLINTNEXTLINE(google-runtime-int): OpenSSL's own type
  const long size = BIO_get_mem_data(bio, &data);
  std::string content(data, static_cast<size_t>(size));
  BIO_free(bio);
  return content;
}

std::string ToPem(X509* certificate) {
  BIO* bio = BIO_new(BIO_s_mem());
  Must(PEM_write_bio_X509(bio, certificate), "write a certificate");
  return ContentOf(bio);
}

std::string ToPem(EVP_PKEY* key) {
  BIO* bio = BIO_new(BIO_s_mem());
  Must(PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr), "write a key");
  return ContentOf(bio);
}

void AddExtension(X509* certificate, X509* issuer, int extension, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* made = Must(X509V3_EXT_conf_nid(nullptr, &context, extension, value.c_str()), "make an extension");
  Must(X509_add_ext(certificate, made, -1), "add an extension");
  X509_EXTENSION_free(made);
}

std::string AlternativeNames(const CertificateRequest& request) {
  std::string text;
  const auto add = [&text](std::string_view kind, const std::string& name) {
    if (!text.empty()) text += ',';
    text.append(kind).append(name);
  };
  for (const std::string& name : request.names) add("DNS:", name);
  for (const std::string& address : request.addresses) add("IP:", address);
  return text;
}

/// Not signed yet.
X509* NewCertificate(const std::string& common_name, EVP_PKEY* key, std::chrono::seconds valid_from,
                     std::chrono::seconds valid_until) {
  X509* certificate = Must(X509_new(), "make a certificate");
  X509_set_version(certificate, 2);
  BIGNUM* serial = BN_new();
  Must(BN_rand(serial, 120, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY), "make a number");
  BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate));
  BN_free(serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), valid_from.count());
  X509_gmtime_adj(X509_getm_notAfter(certificate), valid_until.count());
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0);
  return certificate;
}

}  // namespace

CertificateAuthority::CertificateAuthority(const std::string& name, std::chrono::seconds valid_until)
    : key_(Must(EVP_EC_gen("P-256"), "make a key")) {
  self_ = NewCertificate(name, key_, -std::chrono::hours(48), valid_until);
  X509_set_issuer_name(self_, X509_get_subject_name(self_));
  AddExtension(self_, self_, NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(self_, self_, NID_key_usage, "critical,keyCertSign,cRLSign");
  AddExtension(self_, self_, NID_subject_key_identifier, "hash");
  Must(X509_sign(self_, key_, EVP_sha256()), "sign");
  certificate_ = ToPem(self_);
}

CertificateAuthority::~CertificateAuthority() {
  X509_free(self_);
  EVP_PKEY_free(key_);
}

IssuedCertificate CertificateAuthority::Issue(const CertificateRequest& request) const {
  EVP_PKEY* key = Must(EVP_EC_gen("P-256"), "make a key");
  X509* certificate = NewCertificate(request.common_name, key, request.valid_from, request.valid_until);
  X509_set_issuer_name(certificate, X509_get_subject_name(self_));
  AddExtension(certificate, self_, NID_basic_constraints, "critical,CA:FALSE");
  AddExtension(certificate, self_, NID_authority_key_identifier, "keyid");
  if (const std::string names = AlternativeNames(request); !names.empty()) {
    AddExtension(certificate, self_, NID_subject_alt_name, names);
  }
  Must(X509_sign(certificate, key_, EVP_sha256()), "sign");
  IssuedCertificate issued = {.certificate = ToPem(certificate), .private_key = ToPem(key)};
  X509_free(certificate);
  EVP_PKEY_free(key);
  return issued;
}

std::string Encrypted(const std::string& private_key, const std::string& pass_phrase) {
  BIO* in = BIO_new_mem_buf(private_key.data(), static_cast<int>(private_key.size()));
  EVP_PKEY* key = Must(PEM_read_bio_PrivateKey(in, nullptr, nullptr, nullptr), "read a key");
  BIO_free(in);
  BIO* out = BIO_new(BIO_s_mem());
  Must(PEM_write_bio_PKCS8PrivateKey(out, key, EVP_aes_128_cbc(), pass_phrase.c_str(), static_cast<int>(pass_phrase.size()),
                                     nullptr, nullptr),
       "encrypt a key");
  EVP_PKEY_free(key);
  return ContentOf(out);
}

}  // namespace userclient::testing
