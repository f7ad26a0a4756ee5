#include "latency_histogram.h"

#include <algorithm>
#include <cmath>

namespace userctl {
namespace {

using std::chrono::nanoseconds;

// Bucket i ends at i nanoseconds up to 999; then every power of ten has 900 of them, which end at 100 to 999 times that power.
constexpr int64_t kExact = 1000;
constexpr int64_t kFewestDigits = 100;
constexpr int64_t kPerPower = 900;
constexpr int64_t kPowers = 15;
constexpr size_t kBuckets = kExact + kPowers * kPerPower;

size_t BucketOf(nanoseconds latency) {
  int64_t digits = latency.count();
  if (digits < kExact) return static_cast<size_t>(digits);
  int64_t power = 0;
  bool rounded = false;
  while (digits >= kExact || (rounded && digits == kExact - 1)) {
    rounded = rounded || digits % 10 != 0;
    digits /= 10;
    ++power;
  }
  return static_cast<size_t>(kExact + (power - 1) * kPerPower + digits - kFewestDigits + (rounded ? 1 : 0));
}

nanoseconds EndOf(size_t bucket) {
  const auto index = static_cast<int64_t>(bucket);
  if (index < kExact) return nanoseconds(index);
  int64_t end = (index - kExact) % kPerPower + kFewestDigits;
  for (int64_t power = (index - kExact) / kPerPower + 1; power > 0; --power) end *= 10;
  return nanoseconds(end);
}

double Seconds(nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

LatencyHistogram::LatencyHistogram() : counts_(kBuckets) {}

void LatencyHistogram::Add(nanoseconds latency) {
  latency = std::max(latency, nanoseconds::zero());
  min_ = count_ == 0 ? latency : std::min(min_, latency);
  max_ = std::max(max_, latency);
  ++counts_[BucketOf(latency)];
  ++count_;
  sum_ += Seconds(latency);
}

void LatencyHistogram::Add(const LatencyHistogram& other) {
  if (other.count_ == 0) return;
  min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  for (size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ += other.sum_;
}

LatencyHistogram LatencyHistogram::Since(const LatencyHistogram& earlier) const {
  LatencyHistogram since;
  for (size_t i = 0; i < kBuckets; ++i) {
    since.counts_[i] = counts_[i] - earlier.counts_[i];
    if (since.counts_[i] == 0) continue;
    const nanoseconds end = std::min(EndOf(i), max_);
    if (since.count_ == 0) since.min_ = end;
    since.max_ = end;
    since.count_ += since.counts_[i];
  }
  since.sum_ = sum_ - earlier.sum_;
  return since;
}

nanoseconds LatencyHistogram::mean() const {
  if (count_ == 0) return {};
  return std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double>(sum_ / static_cast<double>(count_)));
}

nanoseconds LatencyHistogram::Percentile(double share) const {
  if (count_ == 0) return {};
  const auto rank = std::clamp<int64_t>(std::llround(std::ceil(share * static_cast<double>(count_))), 1, count_);
  int64_t seen = 0;
  size_t bucket = 0;
  while ((seen += counts_[bucket]) < rank) ++bucket;
  return std::min(EndOf(bucket), max_);
}

int64_t LatencyHistogram::CountUpTo(nanoseconds limit) const {
  int64_t count = 0;
  for (size_t i = 0; i < kBuckets && EndOf(i) <= limit; ++i) count += counts_[i];
  return count;
}

}  // namespace userctl
