#include "tls/openssl_error.h"

#include <openssl/err.h>

namespace userclient::internal {

std::string TakeOpensslError() {
  const auto code = ERR_peek_last_error();
  ERR_clear_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "" : reason;
}

}  // namespace userclient::internal
