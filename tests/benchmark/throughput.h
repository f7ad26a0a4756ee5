#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace userclient::benchmark {

struct ThroughputPlan {
  std::string target{};
  std::vector<std::string> subjects{};
  std::vector<int> callers{};
  /// Every round measures each subject once, in an order that changes from round to round.
  int rounds = 1;
  std::chrono::milliseconds slice{};
  /// More than 0: the target is a benchmark_server, and nothing is measured before each subject has so many connections to it.
  int connections = 0;
};

/// What making a subject and connecting it took.
struct SubjectCost {
  std::string subject{};
  double connect_ms = 0;
  /// Bytes that stay allocated.
  int64_t heap = 0;
};

/// One subject at one number of callers: a value for each round.
struct Throughput {
  std::string subject{};
  int callers = 0;
  std::vector<double> calls_per_second{};
  /// Of this process.
  std::vector<double> user_us_per_call{};
  std::vector<double> system_us_per_call{};
};

struct ThroughputResult {
  std::vector<SubjectCost> subjects{};
  std::vector<Throughput> loads{};
};

/// Measures the subjects in turns, so that what the machine does to one it does to all. *Errors:* the first call that failed, an
/// unknown subject, or DEADLINE_EXCEEDED if one does not get its connections.
absl::StatusOr<ThroughputResult> MeasureThroughput(const ThroughputPlan& plan);

}  // namespace userclient::benchmark
