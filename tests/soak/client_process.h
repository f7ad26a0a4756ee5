#pragma once

#include <cstdint>
#include <ostream>

namespace userclient::testing {

/// What this process holds at one moment, as the kernel counts it.
struct ClientProcess {
  int64_t resident_kib = 0;
  int64_t descriptors = 0;
  int64_t threads = 0;

  /// Gives back to the kernel what has been freed first, so that what is counted is what is held.
  static ClientProcess Measure();
};

std::ostream& operator<<(std::ostream& out, const ClientProcess& process);

}  // namespace userclient::testing
