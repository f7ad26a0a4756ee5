#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <variant>

#include "policy/thread_shard.h"
#include "policy/time.h"
#include "userclient/service_config.h"

namespace userclient::internal {

/// What one window of time showed of the service.
struct LimitSample {
  /// The average of the round trips; zero if there was none.
  Duration round_trip{};
  /// The most calls that were in flight at once.
  int in_flight = 0;
  /// Calls were turned away by an overloaded service, or given up because they took too long.
  bool dropped = false;
};

/// Gradient2 of Netflix concurrency-limits: the limit follows the ratio of the long-term round trip to the present one. As long
/// as they agree it grows by a small queue; where the present one is longer, calls are waiting somewhere, and it shrinks. It is
/// *not thread-safe*.
class Gradient2Limit {
 public:
  explicit Gradient2Limit(const AdaptiveLimitOptions& options);

  /// Takes in one window and returns the new limit. A drop lowers it by a tenth whatever the round trip: a service that turns
  /// calls away quickly is not quick. (Netflix leaves drops to the round trip.)
  int Update(const LimitSample& sample);

  /// The round trip of a service without a queue, measured on purpose.
  void SetBaseline(Duration round_trip);

  int limit() const { return static_cast<int>(limit_); }
  Duration long_round_trip() const { return Duration(static_cast<Duration::rep>(long_round_trip_)); }

 private:
  static constexpr int kWarmUp = 10;

  void AddToLongRoundTrip(double round_trip);

  const double minimum_;
  const double maximum_;
  double limit_;
  double long_round_trip_ = 0;
  int long_samples_ = 0;
};

/// Additive increase, multiplicative decrease, as TCP does and AIMDLimit of Netflix concurrency-limits: one more after a window
/// that used at least half of the limit, a tenth less after one with a drop. *Not thread-safe.*
class AimdLimit {
 public:
  explicit AimdLimit(const AdaptiveLimitOptions& options);

  int Update(const LimitSample& sample);

  int limit() const { return limit_; }

 private:
  const int minimum_;
  const int maximum_;
  const Duration timeout_;
  int limit_;
};

/// Finds the number of calls in flight that a service can take, from how its round trips change. Tell it the end of every call,
/// and give what it answers to ConcurrencyLimiter::SetLimit:
///
///   if (std::optional<int> limit = adaptive.Record(AdaptiveLimit::Outcome::kAnswered, round_trip, limiter.in_flight(), now)) {
///     limiter.SetLimit(*limit);
///   }
///
/// *Thread-safe, never blocks, allocates only in the constructor.* One thread a window works out the limit; to the others a call
/// costs one addition.
class AdaptiveLimit {
 public:
  enum class Outcome {
    /// The service did its work, whatever the status.
    kAnswered,
    /// It turned the call away for overload, or was not done in time.
    kDropped,
    /// Says nothing about the service: cancelled, lost to another hedge, or refused here.
    kIgnored,
  };

  explicit AdaptiveLimit(const AdaptiveLimitOptions& options);

  /// Counts the end of a call that took `round_trip` and had `in_flight` calls beside and including it. The new limit if it
  /// changed.
  std::optional<int> Record(Outcome outcome, Duration round_trip, int in_flight, TimePoint now);

  int limit() const { return limit_.load(std::memory_order_relaxed); }

 private:
  /// One thread's part of a window.
  struct alignas(kCacheLine) Shard {
    /// 40 bits sum of the round trips in µs | 24 bits how many: together, so that the average is one.
    std::atomic<uint64_t> round_trips{0};
    std::atomic<int> in_flight{0};
    std::atomic<int> drops{0};
  };
  static constexpr int kSumShift = 24;
  static constexpr uint64_t kCountMask = (uint64_t{1} << kSumShift) - 1;

  std::optional<int> EndWindow(TimePoint now);
  int64_t Samples() const;
  LimitSample Drain();
  int Update(Gradient2Limit& gradient, const LimitSample& sample, TimePoint now);

  const AdaptiveLimitOptions options_;
  const std::size_t shard_mask_;
  const std::unique_ptr<Shard[]> shards_;
  std::atomic<int> limit_;
  std::atomic<TimePoint> window_end_{TimePoint{}};
  /// Held by the one thread that ends a window; the others go on.
  std::atomic_flag ending_{};
  // Guarded by ending_.
  std::variant<Gradient2Limit, AimdLimit> algorithm_;
  TimePoint remeasure_at_{};
  int remeasure_windows_ = 0;
};

}  // namespace userclient::internal
