#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "call/traffic_counters.h"
#include "policy/adaptive_limit.h"
#include "policy/circuit_breaker.h"
#include "policy/concurrency_limiter.h"
#include "policy/verdict.h"
#include "transport/channel_pool.h"
#include "userclient/client_options.h"
#include "userclient/client_snapshot.h"
#include "userclient/service_config.h"

namespace userclient::internal {

/// A bulkhead at run time: connections that no other compartment uses, seats for calls in flight, and a breaker. *Thread-safe.*
class Compartment {
 public:
  Compartment(const BulkheadConfig& config, std::shared_ptr<ChannelPool> channels, CircuitListener on_circuit_change);

  /// Takes the place of another one with a new config. Shares its channels, and goes on with what its breaker and its limits
  /// know; the breaker of `before` decides nothing any more, but answers its calls as it last stood. See HandOverTo.
  Compartment(const BulkheadConfig& config, const Compartment& before, TimePoint now);

  /// Whoever the breaker of this one, which has retired, would refuse for ever is admitted or refused by `heir`, the one that
  /// took its place: a stream that lives for long may have begun here. Once.
  void HandOverTo(std::shared_ptr<Compartment> heir);

  const std::string& name() const { return config_.name; }
  const BulkheadConfig& config() const { return config_; }
  ChannelPool& channels() { return *channels_; }
  const std::shared_ptr<ChannelPool>& shared_channels() const { return channels_; }

  /// Null: any number of calls may be in flight.
  ConcurrencyLimiter* limiter() { return limiter_.get(); }
  /// How long a call may wait for a seat.
  Duration max_wait() const { return config_.max_wait; }
  /// Null: every attempt is let through.
  CircuitBreaker* breaker() { return breaker_.get(); }

  /// What has gone through it, and through those whose place it has taken.
  TrafficCounters& traffic() { return *traffic_; }
  const std::shared_ptr<TrafficCounters>& shared_traffic() const { return traffic_; }

  CompartmentSnapshot Snapshot(TimePoint now) const;

  /// The breaker's answer to one attempt; admits everything where there is none. `permit` may then be empty, and `admitted` is
  /// true.
  struct Admission {
    bool admitted = true;
    CircuitBreaker::Permit permit{};
    /// Must fail fast (circuit_breaker.h).
    bool probe = false;
    std::optional<Duration> retry_after{};
  };
  Admission Admit(TimePoint now);

  /// The end of an attempt that succeeded. Looks at the clock only if somebody wants to know.
  void SettleSuccess(CircuitBreaker::Permit& permit, TimePoint began) {
    if (breaker_ == nullptr && adaptive_limit_ == nullptr) return;
    const TimePoint now = std::chrono::steady_clock::now();
    Settle(permit, {.breaker = Verdict::kSuccess}, absl::StatusCode::kOk, now, now - began);
  }

  /// The end of an attempt, for breaker and adaptive limit.
  void Settle(CircuitBreaker::Permit& permit, const Judgement& judgement, absl::StatusCode code, TimePoint now,
              Duration duration);

  /// Tells the listener, if there is something to tell.
  void Announce(const std::optional<CircuitTransition>& transition) noexcept;

 private:
  const BulkheadConfig config_;
  const std::shared_ptr<ChannelPool> channels_;
  const std::shared_ptr<TrafficCounters> traffic_;
  const CircuitListener on_circuit_change_;
  std::shared_ptr<ConcurrencyLimiter> limiter_;
  std::shared_ptr<AdaptiveLimit> adaptive_limit_;
  std::shared_ptr<CircuitBreaker> breaker_;
  /// Set once, before heir_ says so.
  std::shared_ptr<Compartment> kept_heir_;
  std::atomic<Compartment*> heir_{nullptr};
};

}  // namespace userclient::internal
