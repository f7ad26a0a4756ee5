#include "tests/benchmark/process_usage.h"

#include <malloc.h>
#include <sys/resource.h>

namespace userclient::benchmark {

CpuTime CpuTimeUsed() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto microseconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
  };
  return {.user_us = microseconds(usage.ru_utime), .system_us = microseconds(usage.ru_stime)};
}

int64_t HeapInUse() {
  const auto heap = mallinfo2();
  return static_cast<int64_t>(heap.uordblks + heap.hblkhd);
}

}  // namespace userclient::benchmark
