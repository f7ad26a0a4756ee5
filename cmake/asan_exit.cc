// A part of every program under AddressSanitizer.
//
// OpenSSL cleans up when the process exits, and frees the keys under which it keeps its state of each thread. gRPC's threads may
// still be on their way out then; what they hold is lost, and LeakSanitizer takes it for a leak. It is left alone here: what
// nothing points to is still found.

#include <cstdint>

// Absent in programs without OpenSSL.
extern "C" __attribute__((weak)) int OPENSSL_init_crypto(uint64_t options, const void* settings);

namespace {

constexpr uint64_t kNoCleanUpAtExit = 0x00080000;  // OPENSSL_INIT_NO_ATEXIT of openssl/crypto.h

[[maybe_unused]] const int kInitialized = OPENSSL_init_crypto != nullptr ? OPENSSL_init_crypto(kNoCleanUpAtExit, nullptr) : 0;

}  // namespace
