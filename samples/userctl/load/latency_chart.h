#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "latency_histogram.h"

namespace userctl {

/// Calls that took more than the limit of the bar before, up to this one's.
struct LatencyBar {
  std::chrono::nanoseconds limit{};
  int64_t ok = 0;
  int64_t failed = 0;
};

/// Bars whose limits are 1, 2, 5, 10, 20, 50, ... from the shortest to the longest latency, the empty ones between them too.
std::vector<LatencyBar> LatencyBars(const LatencyHistogram& ok, const LatencyHistogram& failed);

/// The bars as lines of at most `width` characters, each with a newline; empty if there are none. A bar that is not empty has at
/// least one character.
std::string DrawLatencies(const std::vector<LatencyBar>& bars, size_t width);

/// To three digits: "1.24 ms".
std::string LatencyText(std::chrono::nanoseconds latency);

}  // namespace userctl
