#pragma once

#include <cstdint>

namespace userclient::testing {

/// How far the resident memory of this process rises above what it was when this was made, be it for a moment. *Of one at a
/// time:* the kernel keeps one mark for a process.
class PeakMemory {
 public:
  PeakMemory();

  /// Mebibytes.
  int64_t growth() const;

 private:
  int64_t before_kib_ = 0;
};

}  // namespace userclient::testing
