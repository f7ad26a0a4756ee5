#pragma once

#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace userclient::testing {

/// A loopback address of this process alone: while a server of its is away for a moment, no other test can get its port.
inline std::string OwnLoopback() {
  const int id = getpid();
  return absl::StrCat("127.", 64 + (id >> 16) % 64, ".", (id >> 8) % 256, ".", id % 256);
}

}  // namespace userclient::testing
