#include "call/compartment.h"

#include <utility>

#include "call/attempt_rules.h"

namespace userclient::internal {
namespace {

/// The longest line for seats. A wait is bounded in time; this bounds what it can cost in memory.
constexpr int kLongestLine = 100'000;

std::unique_ptr<ConcurrencyLimiter> MakeLimiter(const BulkheadConfig& config, const AdaptiveLimit* adaptive) {
  if (adaptive == nullptr && !config.max_concurrent_calls) return nullptr;
  const int limit = adaptive != nullptr ? adaptive->limit() : *config.max_concurrent_calls;
  return std::make_unique<ConcurrencyLimiter>(limit, config.max_wait > Duration::zero() ? kLongestLine : 0);
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

}  // namespace

Compartment::Compartment(const BulkheadConfig& config, std::unique_ptr<ChannelPool> channels, CircuitListener on_circuit_change)
    : name_(config.name),
      channels_(std::move(channels)),
      max_wait_(config.max_wait),
      on_circuit_change_(std::move(on_circuit_change)) {
  if (config.adaptive_limit) adaptive_limit_ = std::make_unique<AdaptiveLimit>(*config.adaptive_limit);
  limiter_ = MakeLimiter(config, adaptive_limit_.get());
  if (config.circuit_breaker) breaker_ = std::make_unique<CircuitBreaker>(*config.circuit_breaker, Random);
}

Compartment::Admission Compartment::Admit(TimePoint now) {
  if (breaker_ == nullptr) return {};
  CircuitBreaker::Admission admission = breaker_->Acquire(now);
  Announce(admission.transition);
  const bool admitted = static_cast<bool>(admission.permit);
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
  if (limit) limiter_->SetLimit(*limit);
}

void Compartment::Announce(const std::optional<CircuitTransition>& transition) noexcept {
  if (transition && on_circuit_change_) on_circuit_change_(name_, *transition);
}

}  // namespace userclient::internal
