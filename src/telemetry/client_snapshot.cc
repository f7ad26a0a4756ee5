#include "userclient/client_snapshot.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "telemetry/json_text.h"
#include "telemetry/labels.h"

namespace userclient {
namespace {

using internal::Seconds;
using Json = nlohmann::ordered_json;

template <class T, class ToValue>
Json OrNull(const std::optional<T>& value, ToValue to_value) {
  return value ? Json(to_value(*value)) : Json(nullptr);
}

Json ToValue(const TrafficCounts& traffic) {
  return {
      {"calls", traffic.calls},       {"failed_calls", traffic.failed_calls},       {"rejected_calls", traffic.rejected_calls},
      {"attempts", traffic.attempts}, {"failed_attempts", traffic.failed_attempts}, {"retries", traffic.retries},
      {"hedges", traffic.hedges}};
}

Json ToValue(const BreakerSnapshot& breaker) {
  return {{"state", internal::Label(breaker.state)},
          {"changes", breaker.changes},
          {"window", Seconds(breaker.window)},
          {"calls", breaker.calls},
          {"failures", breaker.failures},
          {"slow_calls", breaker.slow_calls},
          {"failure_ratio", breaker.failure_ratio()},
          {"failures_in_a_row", breaker.failures_in_a_row},
          {"opens_at_failure_ratio", breaker.opens_at_failure_ratio},
          {"minimum_calls", breaker.minimum_calls},
          {"retry_after", OrNull(breaker.retry_after, Seconds)}};
}

Json ToValue(const ChannelSnapshot& channel) {
  return {{"number", channel.number},
          {"connectivity", ConnectivityName(channel.connectivity)},
          {"calls_in_flight", channel.calls_in_flight},
          {"in_use", channel.in_use}};
}

Json ToValue(const CompartmentSnapshot& compartment) {
  Json channels = Json::array();
  for (const ChannelSnapshot& channel : compartment.channels) channels.push_back(ToValue(channel));
  return {{"name", compartment.name},
          {"methods", compartment.methods},
          {"limit", OrNull(compartment.limit, [](int limit) { return limit; })},
          {"adaptive", compartment.adaptive},
          {"in_use", compartment.in_use},
          {"waiting", compartment.waiting},
          {"breaker", OrNull(compartment.breaker, [](const BreakerSnapshot& breaker) { return ToValue(breaker); })},
          {"channels", std::move(channels)},
          {"traffic", ToValue(compartment.traffic)}};
}

Json ToValue(const ResolutionSnapshot& resolution) {
  return {{"ipv4", resolution.endpoints.ipv4},
          {"ipv6", resolution.endpoints.ipv6},
          {"age", OrNull(resolution.age, Seconds)},
          {"error", resolution.status.ok() ? Json(nullptr) : Json(std::string(resolution.status.message()))},
          {"lookups", resolution.lookups},
          {"changes", resolution.changes}};
}

Json ToValue(const ThrottleSnapshot& throttle) {
  return {{"tokens", throttle.tokens}, {"max_tokens", throttle.max_tokens}, {"allows_retries", throttle.allows_retries}};
}

}  // namespace

std::string_view ConnectivityName(Connectivity connectivity) {
  switch (connectivity) {
    case Connectivity::kIdle:
      return "IDLE";
    case Connectivity::kConnecting:
      return "CONNECTING";
    case Connectivity::kReady:
      return "READY";
    case Connectivity::kTransientFailure:
      return "TRANSIENT_FAILURE";
    case Connectivity::kShutdown:
      return "SHUTDOWN";
  }
  return "unknown";
}

std::optional<TrafficRates> RatesBetween(const TrafficCounts& before, const TrafficCounts& now,
                                         std::chrono::nanoseconds between) {
  if (between <= std::chrono::nanoseconds::zero()) return std::nullopt;
  struct Field {
    int64_t TrafficCounts::*count;
    double TrafficRates::*rate;
  };
  static constexpr Field kFields[] = {{&TrafficCounts::calls, &TrafficRates::calls},
                                      {&TrafficCounts::failed_calls, &TrafficRates::failed_calls},
                                      {&TrafficCounts::rejected_calls, &TrafficRates::rejected_calls},
                                      {&TrafficCounts::attempts, &TrafficRates::attempts},
                                      {&TrafficCounts::failed_attempts, &TrafficRates::failed_attempts},
                                      {&TrafficCounts::retries, &TrafficRates::retries},
                                      {&TrafficCounts::hedges, &TrafficRates::hedges}};
  TrafficRates rates;
  for (const Field& field : kFields) {
    const int64_t counted = now.*field.count - before.*field.count;
    if (counted < 0) return std::nullopt;
    rates.*field.rate = static_cast<double>(counted) / Seconds(between);
  }
  return rates;
}

std::optional<TrafficRates> RatesBetween(const ClientSnapshot& before, const ClientSnapshot& now) {
  if (before.service != now.service || before.target != now.target) return std::nullopt;
  return RatesBetween(before.traffic, now.traffic, now.uptime - before.uptime);
}

std::string ToJson(const ClientSnapshot& snapshot) {
  Json compartments = Json::array();
  for (const CompartmentSnapshot& compartment : snapshot.compartments) compartments.push_back(ToValue(compartment));
  const Json json = {
      {"service", snapshot.service},
      {"target", snapshot.target},
      {"config_version", snapshot.config_version},
      {"taken_at", Seconds(snapshot.taken_at.time_since_epoch())},
      {"uptime", Seconds(snapshot.uptime)},
      {"shut_down", snapshot.shut_down},
      {"calls_in_flight", snapshot.calls_in_flight},
      {"traffic", ToValue(snapshot.traffic)},
      {"compartments", std::move(compartments)},
      {"resolution", OrNull(snapshot.resolution, [](const ResolutionSnapshot& resolution) { return ToValue(resolution); })},
      {"throttle", OrNull(snapshot.throttle, [](const ThrottleSnapshot& throttle) { return ToValue(throttle); })},
  };
  return internal::Line(json);
}

}  // namespace userclient
