#include "policy/adaptive_limit.h"

#include <algorithm>

namespace userclient::internal {
namespace {

AimdLimit* AsAimd(std::variant<Gradient2Limit, AimdLimit>& algorithm) { return std::get_if<AimdLimit>(&algorithm); }

std::variant<Gradient2Limit, AimdLimit> MakeAlgorithm(const AdaptiveLimitOptions& options) {
  if (options.algorithm == AdaptiveLimitOptions::Algorithm::kAimd) return AimdLimit(options);
  return Gradient2Limit(options);
}

}  // namespace

Gradient2Limit::Gradient2Limit(const AdaptiveLimitOptions& options)
    : minimum_(options.minimum), maximum_(options.maximum), limit_(options.initial) {}

int Gradient2Limit::Update(const LimitSample& sample) {
  constexpr double kQueue = 4;
  constexpr double kTolerance = 1.5;
  constexpr double kSmoothing = 0.2;
  if (sample.dropped) {
    limit_ = std::max(minimum_, limit_ * 0.9);
    return limit();
  }
  const auto short_round_trip = static_cast<double>(std::max<Duration::rep>(sample.round_trip.count(), 1));
  AddToLongRoundTrip(short_round_trip);
  // Back to normal after a long overload: do not wait for hundreds of windows to see it.
  if (long_round_trip_ / short_round_trip > 2) long_round_trip_ *= 0.95;
  // The limit is not what holds the caller back, so nothing is learnt about it.
  if (sample.in_flight < limit_ / 2) return limit();
  const double gradient = std::clamp(kTolerance * long_round_trip_ / short_round_trip, 0.5, 1.0);
  const double aim = limit_ * gradient + kQueue;
  limit_ = std::clamp(limit_ * (1 - kSmoothing) + aim * kSmoothing, minimum_, maximum_);
  return limit();
}

void Gradient2Limit::SetBaseline(Duration round_trip) {
  long_round_trip_ = static_cast<double>(round_trip.count());
  long_samples_ = kWarmUp;
}

/// An exponential average over 600 windows, which begins as the plain average of the first ten.
void Gradient2Limit::AddToLongRoundTrip(double round_trip) {
  constexpr double kWindows = 600;
  if (long_samples_ < kWarmUp) {
    ++long_samples_;
    long_round_trip_ += (round_trip - long_round_trip_) / long_samples_;
  } else {
    long_round_trip_ += (round_trip - long_round_trip_) * 2 / (kWindows + 1);
  }
}

AimdLimit::AimdLimit(const AdaptiveLimitOptions& options)
    : minimum_(options.minimum), maximum_(options.maximum), timeout_(options.timeout), limit_(options.initial) {}

int AimdLimit::Update(const LimitSample& sample) {
  if (sample.dropped || sample.round_trip > timeout_) {
    limit_ = std::max(minimum_, std::min(limit_ - 1, limit_ * 9 / 10));
  } else if (sample.in_flight * 2 >= limit_) {
    limit_ = std::min(maximum_, limit_ + 1);
  }
  return limit_;
}

AdaptiveLimit::AdaptiveLimit(const AdaptiveLimitOptions& options)
    : options_(options),
      shard_mask_(ShardCount() - 1),
      shards_(std::make_unique<Shard[]>(shard_mask_ + 1)),
      limit_(options.initial),
      algorithm_(MakeAlgorithm(options)) {}

std::optional<int> AdaptiveLimit::Record(Outcome outcome, Duration round_trip, int in_flight, TimePoint now) {
  if (outcome == Outcome::kIgnored) return std::nullopt;
  Shard& shard = shards_[ThreadNumber() & shard_mask_];
  if (outcome == Outcome::kDropped) {
    shard.drops.fetch_add(1, std::memory_order_relaxed);
  } else if (round_trip >= options_.shortest_round_trip) {
    const auto microseconds = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(round_trip).count());
    shard.round_trips.fetch_add(microseconds << kSumShift | 1, std::memory_order_relaxed);
  } else {
    return std::nullopt;
  }
  int most = shard.in_flight.load(std::memory_order_relaxed);
  while (in_flight > most && !shard.in_flight.compare_exchange_weak(most, in_flight, std::memory_order_relaxed)) {
  }
  if (now < window_end_.load(std::memory_order_relaxed)) return std::nullopt;
  return EndWindow(now);
}

std::optional<int> AdaptiveLimit::EndWindow(TimePoint now) {
  if (ending_.test_and_set(std::memory_order_acquire)) return std::nullopt;
  std::optional<int> changed;
  const TimePoint end = window_end_.load(std::memory_order_relaxed);
  if (end == TimePoint{}) {
    // The very first call begins the first window.
    remeasure_at_ = options_.remeasure_every ? now + *options_.remeasure_every : TimePoint::max();
    window_end_.store(now + options_.window, std::memory_order_relaxed);
  } else if (now >= end && Samples() >= options_.minimum_samples) {
    const LimitSample sample = Drain();
    AimdLimit* aimd = AsAimd(algorithm_);
    const int limit = aimd != nullptr ? aimd->Update(sample) : Update(std::get<Gradient2Limit>(algorithm_), sample, now);
    if (limit != limit_.exchange(limit, std::memory_order_relaxed)) changed = limit;
    window_end_.store(now + options_.window, std::memory_order_relaxed);
  }
  ending_.clear(std::memory_order_release);
  return changed;
}

int64_t AdaptiveLimit::Samples() const {
  int64_t samples = 0;
  for (std::size_t i = 0; i <= shard_mask_; ++i) {
    samples += static_cast<int64_t>(shards_[i].round_trips.load(std::memory_order_relaxed) & kCountMask);
    samples += shards_[i].drops.load(std::memory_order_relaxed);
  }
  return samples;
}

LimitSample AdaptiveLimit::Drain() {
  uint64_t microseconds = 0;
  uint64_t answered = 0;
  int drops = 0;
  LimitSample sample;
  for (std::size_t i = 0; i <= shard_mask_; ++i) {
    const uint64_t round_trips = shards_[i].round_trips.exchange(0, std::memory_order_relaxed);
    microseconds += round_trips >> kSumShift;
    answered += round_trips & kCountMask;
    drops += shards_[i].drops.exchange(0, std::memory_order_relaxed);
    sample.in_flight = std::max(sample.in_flight, shards_[i].in_flight.exchange(0, std::memory_order_relaxed));
  }
  if (answered > 0) sample.round_trip = std::chrono::microseconds(microseconds / answered);
  const double calls = static_cast<double>(answered) + drops;
  sample.dropped = drops > 0 && drops >= options_.drop_ratio * calls;
  return sample;
}

int AdaptiveLimit::Update(Gradient2Limit& gradient, const LimitSample& sample, TimePoint now) {
  if (remeasure_windows_ > 0) {
    // In the first of the two windows, calls of the time before were still under way.
    if (--remeasure_windows_ > 0) return options_.minimum;
    if (!sample.dropped) gradient.SetBaseline(sample.round_trip);
    return gradient.limit();
  }
  if (now >= remeasure_at_) {
    remeasure_at_ = now + *options_.remeasure_every;
    remeasure_windows_ = 2;
    return options_.minimum;
  }
  return gradient.Update(sample);
}

}  // namespace userclient::internal
