#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  userclient::fuzz::Feed(std::string_view(reinterpret_cast<const char*>(bytes), size));
  return 0;
}
