#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "circuit_log.h"
#include "load_plan.h"
#include "load_tally.h"

namespace userctl {

/// A load that is over.
struct LoadResult {
  LoadPlan plan{};
  std::string target{};
  std::chrono::steady_clock::time_point began{};
  /// Until the last call had ended, and the time was over that calls had to begin in.
  std::chrono::nanoseconds elapsed{};
  LoadTally tally{};
  /// Open loop: due, and not begun until the time was over, because too many were under way or this machine was too slow.
  int64_t never_begun = 0;
  std::vector<CircuitLog::Entry> transitions{};
  CircuitLog::States circuits{};
  /// The person has ended it.
  bool interrupted = false;

  double calls_per_second() const;
};

/// For a person, in lines of at most `width` characters but for single long words, without a newline at the end. `verbose`: also
/// what happened during the first call with each failure, and during the slowest one, attempt by attempt.
std::string LoadText(const LoadResult& result, size_t width, bool verbose);

/// {"load": {...}} on one line.
std::string LoadJson(const LoadResult& result);

}  // namespace userctl
