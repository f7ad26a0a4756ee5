#include "call/compartment.h"

#include <algorithm>
#include <utility>

#include "call/attempt_rules.h"
#include "call/callback_thread.h"

namespace userclient::internal {
namespace {

/// The longest line for seats. A wait is bounded in time; this bounds what it can cost in memory.
constexpr int kLongestLine = 100'000;

std::optional<int> LimitOf(const BulkheadConfig& config, const AdaptiveLimit* adaptive) {
  return adaptive != nullptr ? adaptive->limit() : config.max_concurrent_calls;
}

/// The present limit is where the search goes on.
std::shared_ptr<AdaptiveLimit> GoOnFrom(AdaptiveLimitOptions options, const ConcurrencyLimiter* limiter) {
  if (limiter != nullptr) options.initial = std::clamp(limiter->limit(), options.minimum, options.maximum);
  return std::make_shared<AdaptiveLimit>(options);
}

AdaptiveLimit::Outcome OutcomeOf(const Judgement& judgement, absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnavailable:
      return AdaptiveLimit::Outcome::kDropped;
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
      return judgement.breaker == Verdict::kFailure ? AdaptiveLimit::Outcome::kDropped : AdaptiveLimit::Outcome::kIgnored;
    default:
      return AdaptiveLimit::Outcome::kAnswered;
  }
}

BreakerSnapshot SnapshotOf(const CircuitBreaker& breaker, const CircuitBreakerOptions& options, TimePoint now) {
  const CircuitBreaker::Memory memory = breaker.Look(now);
  BreakerSnapshot snapshot = {.state = memory.state,
                              .changes = memory.sequence - 1,
                              .window = options.window,
                              .calls = memory.counts.calls,
                              .failures = memory.counts.failures,
                              .slow_calls = memory.counts.slow_calls,
                              .failures_in_a_row = memory.failures_in_a_row,
                              .opens_at_failure_ratio = options.failure_ratio,
                              .minimum_calls = options.minimum_calls};
  if (memory.state == CircuitState::kOpen) snapshot.retry_after = std::max<Duration>(memory.open_until - now, Duration::zero());
  return snapshot;
}

Connectivity ConnectivityOf(grpc_connectivity_state state) {
  switch (state) {
    case GRPC_CHANNEL_IDLE:
      return Connectivity::kIdle;
    case GRPC_CHANNEL_CONNECTING:
      return Connectivity::kConnecting;
    case GRPC_CHANNEL_READY:
      return Connectivity::kReady;
    case GRPC_CHANNEL_TRANSIENT_FAILURE:
      return Connectivity::kTransientFailure;
    case GRPC_CHANNEL_SHUTDOWN:
      break;
  }
  return Connectivity::kShutdown;
}

}  // namespace

Compartment::Compartment(const BulkheadConfig& config, std::shared_ptr<ChannelPool> channels, CircuitListener on_circuit_change)
    : config_(config),
      channels_(std::move(channels)),
      traffic_(std::make_shared<TrafficCounters>()),
      on_circuit_change_(std::move(on_circuit_change)) {
  if (config.adaptive_limit) adaptive_limit_ = std::make_shared<AdaptiveLimit>(*config.adaptive_limit);
  if (const auto limit = LimitOf(config, adaptive_limit_.get())) {
    limiter_ = std::make_shared<ConcurrencyLimiter>(*limit, kLongestLine);
  }
  if (config.circuit_breaker) breaker_ = std::make_shared<CircuitBreaker>(*config.circuit_breaker, Random);
}

Compartment::Compartment(const BulkheadConfig& config, const Compartment& before, TimePoint now)
    : config_(config), channels_(before.channels_), traffic_(before.traffic_), on_circuit_change_(before.on_circuit_change_) {
  if (config.adaptive_limit) {
    const bool same = config.adaptive_limit == before.config_.adaptive_limit;
    adaptive_limit_ = same ? before.adaptive_limit_ : GoOnFrom(*config.adaptive_limit, before.limiter_.get());
  }
  if (const auto limit = LimitOf(config, adaptive_limit_.get())) {
    limiter_ = before.limiter_ != nullptr ? before.limiter_ : std::make_shared<ConcurrencyLimiter>(*limit, kLongestLine);
    limiter_->SetLimit(*limit);
  }
  if (config.circuit_breaker == before.config_.circuit_breaker) {
    breaker_ = before.breaker_;
  } else if (config.circuit_breaker && before.breaker_ != nullptr) {
    breaker_ = std::make_shared<CircuitBreaker>(*config.circuit_breaker, Random, before.breaker_->Retire(now), now);
  } else if (config.circuit_breaker) {
    breaker_ = std::make_shared<CircuitBreaker>(*config.circuit_breaker, Random);
  } else {
    before.breaker_->Retire(now);
  }
}

void Compartment::HandOverTo(std::shared_ptr<Compartment> heir) {
  kept_heir_ = std::move(heir);
  heir_.store(kept_heir_.get(), std::memory_order_release);
  // A call of this one may have moved the limit since the heir was made; one that moves it from now on sees the heir.
  if (const auto limit = LimitOf(kept_heir_->config_, kept_heir_->adaptive_limit_.get())) kept_heir_->limiter_->SetLimit(*limit);
}

CompartmentSnapshot Compartment::Snapshot(TimePoint now) const {
  CompartmentSnapshot snapshot = {.name = config_.name, .in_use = channels_->in_flight(), .traffic = traffic_->Totals()};
  if (limiter_ != nullptr) {
    snapshot.limit = limiter_->limit();
    snapshot.adaptive = adaptive_limit_ != nullptr;
    snapshot.in_use = limiter_->in_flight();
    snapshot.waiting = limiter_->waiting();
  }
  if (breaker_ != nullptr) snapshot.breaker = SnapshotOf(*breaker_, *config_.circuit_breaker, now);
  for (const ChannelPool::ChannelState& channel : channels_->channels()) {
    snapshot.channels.push_back({.number = channel.pool_number,
                                 .connectivity = ConnectivityOf(channel.connectivity),
                                 .calls_in_flight = channel.in_flight,
                                 .in_use = channel.in_use});
  }
  return snapshot;
}

Compartment::Admission Compartment::Admit(TimePoint now) {
  if (breaker_ == nullptr) return {};
  CircuitBreaker::Admission admission = breaker_->Acquire(now);
  Announce(admission.transition);
  const bool admitted = static_cast<bool>(admission.permit);
  if (Compartment* const heir = admitted ? nullptr : heir_.load(std::memory_order_acquire)) return heir->Admit(now);
  return {.admitted = admitted,
          .permit = std::move(admission.permit),
          .probe = admission.probe,
          .retry_after = admission.retry_after};
}

void Compartment::Settle(CircuitBreaker::Permit& permit, const Judgement& judgement, absl::StatusCode code, TimePoint now,
                         Duration duration) {
  Announce(permit.Settle(judgement.breaker, now, duration));
  if (adaptive_limit_ == nullptr) return;
  const auto limit = adaptive_limit_->Record(OutcomeOf(judgement, code), duration, limiter_->in_flight(), now);
  // Another config may have taken over the seats of this one, and the say about them.
  const auto latest = [this] {
    const Compartment* last = this;
    while (const Compartment* const heir = last->heir_.load(std::memory_order_acquire)) last = heir;
    return last;
  };
  const Compartment* known = latest();
  if (!limit || known->adaptive_limit_ != adaptive_limit_) return;
  limiter_->SetLimit(*limit);
  // Also just now, with a limit that has been overwritten here.
  for (const Compartment* heir = latest(); heir != known; heir = latest()) {
    known = heir;
    if (heir->adaptive_limit_ == adaptive_limit_ || heir->limiter_ != limiter_) continue;
    limiter_->SetLimit(*LimitOf(heir->config_, heir->adaptive_limit_.get()));
  }
}

void Compartment::Announce(const std::optional<CircuitTransition>& transition) noexcept {
  if (!transition || !on_circuit_change_) return;
  // Whoever shuts the client down in here must not wait for the very call that brought this about.
  const CallbackScope scope;
  on_circuit_change_(name(), *transition);
}

}  // namespace userclient::internal
