#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/benchmark/subject.h"

namespace userclient::benchmark {

/// Many calls in flight at once: the benchmark_server answers none of a wave before the last of them has arrived.
struct WavesPlan {
  /// A benchmark_server.
  std::string target{};
  std::vector<std::string> subjects{};
  int in_flight = 1;
  /// Every round measures each subject once, by at least so many calls.
  int rounds = 1;
  int64_t calls = 1;
};

struct Waves {
  std::string subject{};
  /// What one call in flight keeps allocated, the 128 bytes of the measurement's own included.
  double heap_per_call = 0;
  /// A value for each round.
  std::vector<double> calls_per_second{};
  std::vector<double> cpu_us_per_call{};
};

/// The user whose calls wait until so many are there.
std::string WaveOf(int calls);

/// So many calls or a little more: only whole waves are answered.
int64_t WholeWaves(int64_t calls, int in_flight);

/// Makes one wave, unless that alone would take long.
absl::Status WarmUpByWaves(Subject& subject, int in_flight);

/// *Errors:* the first call that failed, or an unknown subject.
absl::StatusOr<std::vector<Waves>> MeasureWaves(const WavesPlan& plan);

}  // namespace userclient::benchmark
