#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "channel_view.h"
#include "config_explain.h"
#include "json_line.h"
#include "method_view.h"
#include "status_code_names.h"

namespace userctl {
namespace {

using nlohmann::ordered_json;
using userclient::BulkheadConfig;
using userclient::ServiceConfig;

constexpr char kDefault[] = "default";

double Milliseconds(std::chrono::nanoseconds duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

ordered_json Milliseconds(const std::optional<std::chrono::nanoseconds>& duration) {
  return duration ? ordered_json(Milliseconds(*duration)) : ordered_json();
}

template <typename Value>
ordered_json OrNull(const std::optional<Value>& value) {
  return value ? ordered_json(*value) : ordered_json();
}

template <typename Entry>
ordered_json From(const Applied<Entry>& applied) {
  return applied.entry == nullptr ? kDefault : applied.path;
}

template <typename Entry>
ordered_json NamedBy(const Applied<Entry>& applied) {
  return applied.entry == nullptr ? ordered_json() : ordered_json(applied.named_by);
}

// ---- Methods

std::string Streaming(const MethodView& method) {
  if (method.client_streaming) return method.server_streaming ? "both" : "client";
  return method.server_streaming ? "server" : "none";
}

ordered_json ToJson(const userclient::RetryPolicy* retries) {
  if (retries == nullptr) return {};
  return {{"max_attempts", retries->max_attempts},
          {"initial_backoff_ms", Milliseconds(retries->initial_backoff)},
          {"max_backoff_ms", Milliseconds(retries->max_backoff)},
          {"backoff_multiplier", retries->backoff_multiplier},
          {"attempt_timeout_ms", Milliseconds(retries->per_attempt_recv_timeout)},
          {"codes", NamesOf(retries->retryable_status_codes)}};
}

ordered_json HedgingJson(const MethodView& method) {
  const userclient::HedgingPolicy* const hedging = method.hedging();
  if (hedging == nullptr) return {};
  const auto* const extras = method.extras.entry;
  return {{"max_attempts", hedging->max_attempts},
          {"delay_ms", Milliseconds(hedging->hedging_delay)},
          {"delay_percentile", extras == nullptr ? ordered_json() : OrNull(extras->hedging_delay_percentile)},
          {"codes", NamesOf(hedging->non_fatal_status_codes)}};
}

ordered_json StaleJson(const userclient::MethodExtras* extras) {
  if (extras == nullptr || !extras->stale_if_error) return {};
  return {{"max_age_ms", Milliseconds(extras->stale_if_error->max_age)}, {"max_bytes", extras->stale_if_error->max_bytes}};
}

ordered_json ToJson(const MethodView& method, const ServiceConfig& config) {
  const ChannelMethodView channel =
      method.config.entry == nullptr ? ChannelMethodView() : ChannelMethodOf(config, *method.config.entry);
  const auto* const extras = method.extras.entry;
  return {{"method", method.name},
          {"streaming", Streaming(method)},
          {"config_from", From(method.config)},
          {"config_named_by", NamedBy(method.config)},
          {"deadline_ms", Milliseconds(method.timeout())},
          {"deadline_from", method.has_timeout() ? From(method.config) : ordered_json(kDefault)},
          {"retries", ToJson(method.retries())},
          {"hedging", HedgingJson(method)},
          {"compartment", method.bulkhead.entry == nullptr ? kDefault : method.bulkhead.entry->name},
          {"compartment_from", From(method.bulkhead)},
          {"compartment_named_by", NamedBy(method.bulkhead)},
          {"single_flight", extras != nullptr && extras->single_flight},
          {"stale_if_error", StaleJson(extras)},
          {"extras_from", From(method.extras)},
          {"extras_named_by", NamedBy(method.extras)},
          {"wait_for_ready", OrNull(channel.wait_for_ready)},
          {"max_request_message_bytes", OrNull(channel.max_request_message_bytes)},
          {"max_response_message_bytes", OrNull(channel.max_response_message_bytes)}};
}

// ---- Compartments

ordered_json ToJson(const std::optional<userclient::AdaptiveLimitOptions>& limit) {
  if (!limit) return {};
  const bool gradient = limit->algorithm == userclient::AdaptiveLimitOptions::Algorithm::kGradient;
  return {{"algorithm", gradient ? "gradient" : "aimd"},
          {"initial", limit->initial},
          {"minimum", limit->minimum},
          {"maximum", limit->maximum},
          {"window_ms", Milliseconds(limit->window)},
          {"minimum_samples", limit->minimum_samples},
          {"drop_ratio", limit->drop_ratio},
          {"timeout_ms", gradient ? ordered_json() : ordered_json(Milliseconds(limit->timeout))},
          {"remeasure_every_ms", Milliseconds(limit->remeasure_every)}};
}

ordered_json ToJson(const std::optional<userclient::CircuitBreakerOptions>& breaker) {
  if (!breaker) return {};
  const bool slow = breaker->slow_call_duration.has_value();
  return {{"window_ms", Milliseconds(breaker->window)},
          {"minimum_calls", breaker->minimum_calls},
          {"failure_ratio", breaker->failure_ratio},
          {"open_duration_ms", Milliseconds(breaker->open_duration)},
          {"max_open_duration_ms", Milliseconds(breaker->max_open_duration)},
          {"half_open_probes", breaker->half_open_probes},
          {"max_probes_in_flight", breaker->max_probes_in_flight},
          {"max_half_open_ms", Milliseconds(breaker->max_half_open)},
          {"healthy_after_ms", Milliseconds(breaker->healthy_after)},
          {"consecutive_failures", OrNull(breaker->consecutive_failures)},
          {"slow_call_duration_ms", Milliseconds(breaker->slow_call_duration)},
          {"slow_call_ratio", slow ? ordered_json(breaker->slow_call_ratio) : ordered_json()}};
}

ordered_json ToJson(const std::string& name, const BulkheadConfig& bulkhead, const std::string& from) {
  return {{"name", name},
          {"from", from},
          {"channels", bulkhead.channels},
          {"max_channels", std::max(bulkhead.channels, bulkhead.max_channels)},
          {"max_concurrent_calls", OrNull(bulkhead.max_concurrent_calls)},
          {"adaptive_limit", ToJson(bulkhead.adaptive_limit)},
          {"max_wait_ms", Milliseconds(bulkhead.max_wait)},
          {"circuit_breaker", ToJson(bulkhead.circuit_breaker)}};
}

ordered_json CompartmentsJson(const ServiceConfig& config, const std::vector<MethodView>& methods) {
  ordered_json compartments = ordered_json::array();
  for (const BulkheadConfig& bulkhead : config.bulkheads) {
    compartments.push_back(ToJson(bulkhead.name, bulkhead, PathOf(bulkhead, config)));
  }
  const auto unclaimed = [](const MethodView& method) { return method.bulkhead.entry == nullptr; };
  if (std::any_of(methods.begin(), methods.end(), unclaimed)) {
    compartments.push_back(ToJson(kDefault, BulkheadConfig(), kDefault));
  }
  return compartments;
}

// ---- The rest

ordered_json ToJson(const std::optional<OutlierDetection>& outliers) {
  if (!outliers) return {};
  ordered_json json = {{"interval_ms", Milliseconds(outliers->interval)},
                       {"base_ejection_time_ms", Milliseconds(outliers->base_ejection_time)},
                       {"max_ejection_time_ms", Milliseconds(outliers->max_ejection_time)},
                       {"max_ejection_percent", outliers->max_ejection_percent},
                       {"failure_percentage", nullptr},
                       {"success_rate", nullptr}};
  if (const auto& failures = outliers->failure_percentage) {
    json["failure_percentage"] = {{"threshold", failures->threshold},
                                  {"enforcement_percent", failures->enforcement_percent},
                                  {"minimum_hosts", failures->minimum_hosts},
                                  {"request_volume", failures->request_volume}};
  }
  if (const auto& rate = outliers->success_rate) {
    json["success_rate"] = {{"stdev_factor", rate->stdev_factor},
                            {"enforcement_percent", rate->enforcement_percent},
                            {"minimum_hosts", rate->minimum_hosts},
                            {"request_volume", rate->request_volume}};
  }
  return json;
}

ordered_json ChannelJson(const ServiceConfig& config) {
  const ChannelView channel = ChannelOf(config);
  return {{"load_balancing", channel.load_balancing},
          {"load_balancing_from", channel.load_balancing_from},
          {"outlier_detection", ToJson(channel.outlier_detection)},
          {"health_check_service", OrNull(channel.health_check_service)},
          {"asks_for_health", channel.asks_for_health()},
          {"service_config", ordered_json::parse(config.channel_json, nullptr, /*allow_exceptions=*/false)}};
}

ordered_json ThrottlingJson(const std::optional<userclient::RetryThrottling>& throttling) {
  if (!throttling) return {};
  return {{"max_tokens", throttling->max_tokens}, {"token_ratio", throttling->milli_token_ratio / 1000.0}};
}

}  // namespace

std::string ExplainJson(const ServiceConfig& config, const std::optional<std::string>& file) {
  const std::vector<MethodView> views = MethodsIn(config);
  ordered_json methods = ordered_json::array();
  for (const MethodView& view : views) methods.push_back(ToJson(view, config));
  return JsonLine({{"file", OrNull(file)},
                   {"service", ServiceName()},
                   {"methods", std::move(methods)},
                   {"compartments", CompartmentsJson(config, views)},
                   {"retry_throttling", ThrottlingJson(config.retry_throttling)},
                   {"dns_refresh_ms", Milliseconds(config.dns_refresh)},
                   {"channel", ChannelJson(config)},
                   {"advice", userclient::Advise(config)}});
}

}  // namespace userctl
