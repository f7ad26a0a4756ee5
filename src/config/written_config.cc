#include "config/written_config.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <vector>

#include "config/duration.h"
#include "config/field_tables.h"
#include "config/status_codes.h"
#include "config/text.h"

namespace userclient::internal {
namespace {

Json Written(std::chrono::nanoseconds duration) {
  if (duration >= std::chrono::nanoseconds::zero()) return FormatDuration(duration);
  // Its opposite may be one more than there is.
  return Concat("-", FormatDuration(-std::max(duration, -std::chrono::nanoseconds::max())));
}

// What is no number at all a file cannot say.
Json Written(double number) { return std::isfinite(number) ? Json(number) : Json(); }

Json Written(const StatusCodeSet& codes) {
  Json names = Json::array();
  for (size_t code = 0; code < kStatusCodeNames.size(); ++code) {
    if (codes.Contains(static_cast<absl::StatusCode>(code))) names.push_back(kStatusCodeNames.at(code));
  }
  return names;
}

Json Written(const MethodName& name) {
  Json json = Json::object();
  if (!name.service.empty()) json["service"] = name.service;
  if (!name.method.empty()) json["method"] = name.method;
  return json;
}

Json Written(const RetryPolicy& policy) {
  Json json = {{"maxAttempts", policy.max_attempts},
               {"initialBackoff", Written(policy.initial_backoff)},
               {"maxBackoff", Written(policy.max_backoff)},
               {"backoffMultiplier", Written(policy.backoff_multiplier)},
               {"retryableStatusCodes", Written(policy.retryable_status_codes)}};
  if (policy.per_attempt_recv_timeout) json["perAttemptRecvTimeout"] = Written(*policy.per_attempt_recv_timeout);
  return json;
}

Json Written(const HedgingPolicy& policy) {
  return {{"maxAttempts", policy.max_attempts},
          {"hedgingDelay", Written(policy.hedging_delay)},
          {"nonFatalStatusCodes", Written(policy.non_fatal_status_codes)}};
}

Json Written(const RetryThrottling& throttling) {
  return {{"maxTokens", throttling.max_tokens}, {"tokenRatio", throttling.milli_token_ratio / 1000.0}};
}

Json Written(const CircuitBreakerOptions& breaker) {
  Json json = {{"window", Written(breaker.window)},
               {"minimumCalls", breaker.minimum_calls},
               {"failureRatio", Written(breaker.failure_ratio)},
               {"openDuration", Written(breaker.open_duration)},
               {"maxOpenDuration", Written(breaker.max_open_duration)},
               {"halfOpenProbes", breaker.half_open_probes},
               {"maxProbesInFlight", breaker.max_probes_in_flight},
               {"maxHalfOpen", Written(breaker.max_half_open)},
               {"healthyAfter", Written(breaker.healthy_after)}};
  if (breaker.consecutive_failures) json["consecutiveFailures"] = *breaker.consecutive_failures;
  if (breaker.slow_call_duration) json["slowCallDuration"] = Written(*breaker.slow_call_duration);
  if (breaker.slow_call_duration || breaker.slow_call_ratio != CircuitBreakerOptions().slow_call_ratio) {
    json["slowCallRatio"] = Written(breaker.slow_call_ratio);
  }
  return json;
}

Json Written(const AdaptiveLimitOptions& limit) {
  const bool is_aimd = limit.algorithm == AdaptiveLimitOptions::Algorithm::kAimd;
  Json json = {{"algorithm", is_aimd ? kAimd : kGradient},
               {"initialLimit", limit.initial},
               {"minLimit", limit.minimum},
               {"maxLimit", limit.maximum},
               {"window", Written(limit.window)},
               {"minimumSamples", limit.minimum_samples},
               {"dropRatio", Written(limit.drop_ratio)}};
  if (is_aimd || limit.timeout != AdaptiveLimitOptions().timeout) json["timeout"] = Written(limit.timeout);
  if (limit.remeasure_every) json["remeasureEvery"] = Written(*limit.remeasure_every);
  return json;
}

Json Written(const StaleIfErrorOptions& stale) { return {{"maxAge", Written(stale.max_age)}, {"maxBytes", stale.max_bytes}}; }

template <typename Part>
Json WrittenList(const std::vector<Part>& parts);

Json Written(const MethodConfig& method) {
  Json json = Json::object({{"name", WrittenList(method.names)}});
  if (method.timeout) json["timeout"] = Written(*method.timeout);
  if (method.retry_policy) json["retryPolicy"] = Written(*method.retry_policy);
  if (method.hedging_policy) json["hedgingPolicy"] = Written(*method.hedging_policy);
  return json;
}

Json Written(const BulkheadConfig& bulkhead) {
  Json json = {{"name", bulkhead.name}, {"methods", WrittenList(bulkhead.methods)}, {"channels", bulkhead.channels}};
  // Not set, it is as many as channels.
  if (bulkhead.max_channels != BulkheadConfig().max_channels) json["maxChannels"] = bulkhead.max_channels;
  if (bulkhead.max_concurrent_calls) json["maxConcurrentCalls"] = *bulkhead.max_concurrent_calls;
  if (bulkhead.max_wait != std::chrono::nanoseconds::zero()) json["maxWait"] = Written(bulkhead.max_wait);
  if (bulkhead.circuit_breaker) json["circuitBreaker"] = Written(*bulkhead.circuit_breaker);
  if (bulkhead.adaptive_limit) json["adaptiveLimit"] = Written(*bulkhead.adaptive_limit);
  return json;
}

Json Written(const MethodExtras& extras) {
  Json json = Json::object({{"name", WrittenList(extras.names)}});
  if (extras.hedging_delay_percentile) json["hedgingDelayPercentile"] = Written(*extras.hedging_delay_percentile);
  if (extras.stale_if_error) json["staleIfError"] = Written(*extras.stale_if_error);
  // Also false says something: it keeps a broader entry away.
  json["singleFlight"] = extras.single_flight;
  return json;
}

template <typename Part>
Json WrittenList(const std::vector<Part>& parts) {
  Json list = Json::array();
  for (const Part& part : parts) list.push_back(Written(part));
  return list;
}

}  // namespace

Json WrittenConfig(const ServiceConfig& config) {
  Json json = {{"methodConfig", WrittenList(config.methods)},
               {"userclient",
                {{"dnsRefresh", Written(config.dns_refresh)},
                 {"bulkheads", WrittenList(config.bulkheads)},
                 {"methods", WrittenList(config.extras)}}}};
  if (config.retry_throttling) json["retryThrottling"] = Written(*config.retry_throttling);
  return json;
}

}  // namespace userclient::internal
