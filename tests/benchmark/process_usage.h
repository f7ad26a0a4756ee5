#pragma once

#include <cstdint>

namespace userclient::benchmark {

/// What all threads of this process have used of the processors since it began.
struct CpuTime {
  double user_us = 0;
  double system_us = 0;

  friend CpuTime operator-(const CpuTime& end, const CpuTime& begin) {
    return {.user_us = end.user_us - begin.user_us, .system_us = end.system_us - begin.system_us};
  }
};

CpuTime CpuTimeUsed();

/// Bytes that malloc has given out and not got back.
int64_t HeapInUse();

}  // namespace userclient::benchmark
