#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "policy/adaptive_limit.h"
#include "policy/circuit_breaker.h"
#include "policy/concurrency_limiter.h"
#include "policy/verdict.h"
#include "transport/channel_pool.h"
#include "userclient/client_options.h"
#include "userclient/service_config.h"

namespace userclient::internal {

/// A bulkhead at run time: connections that no other compartment uses, seats for calls in flight, and a breaker. *Thread-safe.*
class Compartment {
 public:
  Compartment(const BulkheadConfig& config, std::unique_ptr<ChannelPool> channels, CircuitListener on_circuit_change);

  const std::string& name() const { return name_; }
  ChannelPool& channels() { return *channels_; }

  /// Null: any number of calls may be in flight.
  ConcurrencyLimiter* limiter() { return limiter_.get(); }
  /// How long a call may wait for a seat.
  Duration max_wait() const { return max_wait_; }

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

 private:
  void Announce(const std::optional<CircuitTransition>& transition) noexcept;

  const std::string name_;
  const std::unique_ptr<ChannelPool> channels_;
  const Duration max_wait_;
  const CircuitListener on_circuit_change_;
  std::unique_ptr<ConcurrencyLimiter> limiter_;
  std::unique_ptr<AdaptiveLimit> adaptive_limit_;
  std::unique_ptr<CircuitBreaker> breaker_;
};

}  // namespace userclient::internal
