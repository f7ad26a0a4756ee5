#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "policy/thread_shard.h"
#include "policy/time.h"

namespace userclient::internal {

/// A percentile of the latencies of late, for a hedging delay that follows the service. Give it the latencies of successful
/// attempts only: a cancelled attempt tells nothing but that it was not yet done.
///
/// Two histograms of 30 s each take turns, so an answer rests on the last 30 to 60 s (as in tower's RotatingHistogram). A value
/// is known to within 1/16; what is reported is never less than what was measured. *Thread-safe, never blocks, never allocates.*
class LatencyWindow {
 public:
  static constexpr Duration kRotation = std::chrono::seconds(30);
  /// How old an answer may be (Finagle renews its own every 3 s).
  static constexpr Duration kRenewal = std::chrono::seconds(1);
  /// An answer from fewer samples would be noise.
  static constexpr int64_t kMinimumSamples = 50;

  /// `percentile` is above 0, up to 1.
  explicit LatencyWindow(double percentile);
  LatencyWindow(const LatencyWindow&) = delete;
  LatencyWindow& operator=(const LatencyWindow&) = delete;

  /// What was recorded stays.
  void SetPercentile(double percentile);

  void Record(Duration latency, TimePoint now);

  /// The percentile, at most kRenewal old; nullopt if there are not enough samples. Costs two loads, but for the one call in a
  /// second that works it out anew.
  std::optional<Duration> Percentile(TimePoint now);

 private:
  // Log-linear in microseconds: 16 bins for every power of two, one bin each below 16 µs, the last for 35 minutes and above.
  static constexpr int kBinsPerPower = 16;
  static constexpr int kPowers = 28;
  static constexpr int kBins = kPowers * kBinsPerPower;

  struct Histogram {
    /// The number of the 30 s that it holds, or kNobody, or kClearing.
    std::atomic<int64_t> period{kNobody};
    std::array<std::atomic<uint32_t>, kBins> bins{};
  };
  static constexpr int64_t kNobody = -1;
  static constexpr int64_t kClearing = -2;

  static int BinOf(Duration latency);
  static Duration UpperEnd(int bin);
  static int64_t PeriodAt(TimePoint now);
  static bool Prepare(Histogram& histogram, int64_t period);
  std::optional<Duration> WorkOut(TimePoint now) const;

  std::atomic<double> percentile_;
  alignas(kCacheLine) std::array<Histogram, 2> histograms_{};
  /// The last answer, in nanoseconds; 0 for none.
  alignas(kCacheLine) std::atomic<Duration::rep> answer_{0};
  std::atomic<TimePoint> renew_at_{TimePoint{}};
};

}  // namespace userclient::internal
