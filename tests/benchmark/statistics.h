#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace userclient::benchmark {

/// The middle of some measurements, and how sure it is.
struct Median {
  double value = 0;
  /// With a probability of 95 % the true median lies between these two (by order statistics: no assumption about the
  /// distribution).
  double low = 0;
  double high = 0;
};

/// `samples` must not be empty.
inline Median MedianOf(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  const std::size_t last = samples.size() - 1;
  const auto n = static_cast<double>(samples.size());
  const auto low = static_cast<std::size_t>(std::max(0.0, std::floor(n / 2 - 0.98 * std::sqrt(n) - 0.5)));
  return {.value = (samples[last / 2] + samples[(last + 1) / 2]) / 2, .low = samples[low], .high = samples[last - low]};
}

}  // namespace userclient::benchmark
