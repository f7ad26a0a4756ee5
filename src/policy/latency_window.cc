#include "policy/latency_window.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace userclient::internal {

LatencyWindow::LatencyWindow(double percentile) : percentile_(percentile) {}

void LatencyWindow::SetPercentile(double percentile) {
  percentile_.store(percentile, std::memory_order_relaxed);
  // The answer is worked out anew when it is next asked for.
  renew_at_.store(TimePoint{}, std::memory_order_relaxed);
}

void LatencyWindow::Record(Duration latency, TimePoint now) {
  const int64_t period = PeriodAt(now);
  Histogram& histogram = histograms_[static_cast<std::size_t>(period) % 2];
  if (!Prepare(histogram, period)) return;
  histogram.bins[static_cast<std::size_t>(BinOf(latency))].fetch_add(1, std::memory_order_relaxed);
}

std::optional<Duration> LatencyWindow::Percentile(TimePoint now) {
  TimePoint renew_at = renew_at_.load(std::memory_order_acquire);
  // One of those who find the answer old works it out; the others take the old one once more.
  if (now >= renew_at && renew_at_.compare_exchange_strong(renew_at, now + kRenewal, std::memory_order_acq_rel)) {
    answer_.store(WorkOut(now).value_or(Duration::zero()).count(), std::memory_order_relaxed);
  }
  const Duration answer(answer_.load(std::memory_order_relaxed));
  if (answer == Duration::zero()) return std::nullopt;
  return answer;
}

/// The bin with the whole microseconds of a latency: its power of two, and its 16th of that.
int LatencyWindow::BinOf(Duration latency) {
  const auto microseconds = static_cast<uint64_t>(std::max<Duration::rep>(latency.count(), 0) / 1000);
  if (microseconds < kBinsPerPower) return static_cast<int>(microseconds);
  const int power = std::bit_width(microseconds) - std::bit_width(uint64_t{kBinsPerPower});
  const int bin = power * kBinsPerPower + static_cast<int>(microseconds >> power);
  return std::min(bin, kBins - 1);
}

Duration LatencyWindow::UpperEnd(int bin) {
  if (bin < kBinsPerPower) return std::chrono::microseconds(bin + 1);
  const int power = bin / kBinsPerPower - 1;
  const int64_t sixteenths = bin % kBinsPerPower + kBinsPerPower;
  return std::chrono::microseconds((sixteenths + 1) << power);
}

int64_t LatencyWindow::PeriodAt(TimePoint now) { return now.time_since_epoch() / kRotation; }

/// Makes a histogram hold this period. False if it cannot be used just now: it holds a later one, or is being cleared by another
/// thread. A sample is lost then, of which there are enough.
bool LatencyWindow::Prepare(Histogram& histogram, int64_t period) {
  int64_t held = histogram.period.load(std::memory_order_acquire);
  if (held == period) return true;
  if (held == kClearing || held > period) return false;
  if (!histogram.period.compare_exchange_strong(held, kClearing, std::memory_order_acq_rel)) return false;
  for (std::atomic<uint32_t>& bin : histogram.bins) bin.store(0, std::memory_order_relaxed);
  histogram.period.store(period, std::memory_order_release);
  return true;
}

std::optional<Duration> LatencyWindow::WorkOut(TimePoint now) const {
  const int64_t period = PeriodAt(now);
  std::array<int64_t, kBins> sums{};
  int64_t samples = 0;
  for (const Histogram& histogram : histograms_) {
    const int64_t held = histogram.period.load(std::memory_order_acquire);
    if (held != period && held != period - 1) continue;
    for (std::size_t bin = 0; bin < sums.size(); ++bin) {
      const int64_t count = histogram.bins[bin].load(std::memory_order_relaxed);
      sums[bin] += count;
      samples += count;
    }
  }
  if (samples < kMinimumSamples) return std::nullopt;
  const auto rank = static_cast<int64_t>(std::ceil(percentile_.load(std::memory_order_relaxed) * static_cast<double>(samples)));
  int64_t seen = 0;
  for (std::size_t bin = 0; bin < sums.size(); ++bin) {
    seen += sums[bin];
    if (seen >= rank) return UpperEnd(static_cast<int>(bin));
  }
  return std::nullopt;
}

}  // namespace userclient::internal
