#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace userctl {

/// How often each latency was seen: to three digits, from a nanosecond to thirty years, in 120 kB. A plain value.
class LatencyHistogram {
 public:
  LatencyHistogram();

  /// A negative latency counts as 0: clocks do not go back, but a call may begin before it is due by less than they can tell.
  void Add(std::chrono::nanoseconds latency);
  void Add(const LatencyHistogram& other);

  /// What was added since `earlier`, an older copy of this one.
  LatencyHistogram Since(const LatencyHistogram& earlier) const;

  int64_t count() const { return count_; }
  /// Zero if there are none.
  std::chrono::nanoseconds min() const { return min_; }
  std::chrono::nanoseconds max() const { return max_; }
  std::chrono::nanoseconds mean() const;

  /// So much of all, from 0 to 1, took this long or less: rounded up to three digits. Zero if there are none.
  std::chrono::nanoseconds Percentile(double share) const;

  /// How many took this long or less. Exact for a limit that three digits can say.
  int64_t CountUpTo(std::chrono::nanoseconds limit) const;

 private:
  std::vector<int64_t> counts_;
  int64_t count_ = 0;
  /// In seconds: nanoseconds would overflow.
  double sum_ = 0;
  std::chrono::nanoseconds min_{};
  std::chrono::nanoseconds max_{};
};

}  // namespace userctl
