#include "tls/fingerprint.h"

#include <openssl/evp.h>

#include <cstdint>

namespace userclient::internal {

std::string Fingerprint(const std::vector<std::string>& contents) {
  std::string all;
  for (const std::string& content : contents) {
    // With their sizes, so that what moves from one to the next is seen.
    all.append(std::to_string(content.size())).append(":").append(content);
  }
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(all.data(), all.size(), digest, &size, EVP_sha256(), nullptr);
  return std::string(reinterpret_cast<const char*>(digest), size);
}

}  // namespace userclient::internal
