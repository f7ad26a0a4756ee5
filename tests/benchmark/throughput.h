#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/benchmark/statistics.h"

namespace userclient::benchmark {

struct ThroughputPlan {
  std::string target{};
  /// The first is what the others are compared with.
  std::vector<std::string> subjects{};
  std::vector<int> callers{};
  /// Every round measures each subject once, in an order that changes from round to round.
  int rounds = 1;
  std::chrono::milliseconds slice{};
};

/// One subject at one number of callers.
struct Throughput {
  std::string subject{};
  int callers = 0;
  Median calls_per_second{};
  /// User and system time of this process.
  Median cpu_us_per_call{};
  /// This subject / the first one, taken round by round: what both had to suffer from the machine cancels out.
  Median calls_per_second_ratio{};
  Median cpu_ratio{};
};

/// Measures the subjects in turns. *Errors:* the first call that failed, or an unknown subject.
absl::StatusOr<std::vector<Throughput>> MeasureThroughput(const ThroughputPlan& plan);

}  // namespace userclient::benchmark
