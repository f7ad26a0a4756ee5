#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace profile_service {

/// How long calls took, in buckets of which each is a twelfth of a doubling wide: a percentile is at most 6 % too high.
class LatencyHistogram {
 public:
  void Add(std::chrono::nanoseconds duration) { ++counts_[BucketOf(duration)]; }

  void Add(const LatencyHistogram& other) {
    for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  }

  /// The upper end of the bucket in which the `share` (0.5, 0.99) of all calls is reached, in milliseconds; nullopt if there were
  /// none.
  std::optional<double> Percentile(double share) const {
    uint64_t total = 0;
    for (const uint32_t count : counts_) total += count;
    if (total == 0) return std::nullopt;
    const double wanted = share * static_cast<double>(total);
    uint64_t seen = 0;
    std::size_t bucket = 0;
    while (bucket + 1 < kBuckets && static_cast<double>(seen += counts_[bucket]) < wanted) ++bucket;
    return kFirstMilliseconds * std::exp2(static_cast<double>(bucket) / kBucketsPerDoubling);
  }

 private:
  static constexpr double kFirstMilliseconds = 0.02;
  static constexpr int kBucketsPerDoubling = 12;
  /// Up to 160 s; what takes longer counts as that.
  static constexpr std::size_t kBuckets = 276;

  static std::size_t BucketOf(std::chrono::nanoseconds duration) {
    const double doublings = std::log2(std::chrono::duration<double, std::milli>(duration).count() / kFirstMilliseconds);
    if (!(doublings > 0)) return 0;
    return std::min(kBuckets - 1, static_cast<std::size_t>(std::ceil(doublings * kBucketsPerDoubling)));
  }

  std::array<uint32_t, kBuckets> counts_{};
};

}  // namespace profile_service
