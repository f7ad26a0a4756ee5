#include "tls/openssl_at_exit.h"

#include <openssl/crypto.h>

namespace userclient::internal {

void LeaveOpensslAsItIsAtExit() { OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr); }

}  // namespace userclient::internal
