#include "telemetry/client_gauges.h"

#include <algorithm>
#include <map>
#include <memory>

#include "telemetry/labels.h"

namespace userclient::internal {
namespace {

/// Readings by their labels, in the order of the metrics.
class Readings {
 public:
  void Sum(const Metric& metric, LabelValues labels, double value) { At(metric, std::move(labels)) += value; }
  void Most(const Metric& metric, LabelValues labels, double value) {
    double& most = At(metric, std::move(labels));
    most = std::max(most, value);
  }
  void Set(const Metric& metric, LabelValues labels, double value) { At(metric, std::move(labels)) = value; }

  std::vector<GaugeReadings> Take() && {
    std::vector<GaugeReadings> gauges;
    for (auto& [metric, values] : metrics_) {
      GaugeReadings& gauge = gauges.emplace_back();
      gauge.metric = metric;
      for (auto& [labels, value] : values) gauge.readings.push_back({.labels = labels, .value = value});
    }
    return gauges;
  }

 private:
  double& At(const Metric& metric, LabelValues labels) {
    auto found = std::find_if(metrics_.begin(), metrics_.end(), [&](const auto& known) { return known.first == &metric; });
    if (found == metrics_.end()) found = metrics_.insert(metrics_.end(), {&metric, {}});
    return found->second[std::move(labels)];
  }

  std::vector<std::pair<const Metric*, std::map<LabelValues, double>>> metrics_;
};

void ReadBreaker(const BreakerSnapshot& breaker, const LabelValues& of, std::map<LabelValues, std::pair<double, double>>& windows,
                 Readings& to) {
  const auto with = [&of](std::string_view label, std::string_view value) {
    LabelValues labels = of;
    labels.emplace_back(label, value);
    return labels;
  };
  for (const CircuitState state : kCircuitStates) {
    to.Sum(kCircuitState, with(kStateLabel, Label(state)), breaker.state == state ? 1 : 0);
  }
  const auto failures = static_cast<double>(breaker.failures);
  const auto calls = static_cast<double>(breaker.calls);
  to.Sum(kCircuitCalls, with(kOutcomeLabel, "failure"), failures);
  to.Sum(kCircuitCalls, with(kOutcomeLabel, "success"), calls - failures);
  to.Sum(kCircuitSlowCalls, of, static_cast<double>(breaker.slow_calls));
  auto& [failures_of_all, calls_of_all] = windows[of];
  failures_of_all += failures;
  calls_of_all += calls;
  to.Set(kCircuitFailureRatio, of, calls_of_all > 0 ? failures_of_all / calls_of_all : 0);
}

void ReadCompartment(const CompartmentSnapshot& compartment, const std::string& target,
                     std::map<LabelValues, std::pair<double, double>>& windows, Readings& to) {
  const LabelValues of = {{kTargetLabel, target}, {kCompartmentLabel, compartment.name}};
  if (compartment.limit) to.Sum(kCompartmentLimit, of, *compartment.limit);
  to.Sum(kCompartmentInUse, of, compartment.in_use);
  to.Sum(kCompartmentWaiting, of, compartment.waiting);
  if (compartment.breaker) ReadBreaker(*compartment.breaker, of, windows, to);
  for (const Connectivity connectivity :
       {Connectivity::kIdle, Connectivity::kConnecting, Connectivity::kReady, Connectivity::kTransientFailure}) {
    LabelValues labels = of;
    labels.emplace_back(kConnectivityLabel, ConnectivityName(connectivity));
    const auto count = std::count_if(compartment.channels.begin(), compartment.channels.end(),
                                     [&](const ChannelSnapshot& channel) { return channel.connectivity == connectivity; });
    to.Sum(kChannels, std::move(labels), static_cast<double>(count));
  }
}

double InSeconds(std::chrono::nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

TargetLabel TargetLabelOr(TargetLabel own) {
  if (!own) return CanonicalTarget;
  return [own = std::move(own)](std::string_view target) { return own(CanonicalTarget(target)); };
}

std::vector<GaugeReadings> ReadGauges(const std::vector<ClientSnapshot>& clients, const TargetLabel& target_label) {
  Readings readings;
  std::map<LabelValues, std::pair<double, double>> windows;
  for (const ClientSnapshot& client : clients) {
    const std::string target = target_label(client.target);
    const LabelValues of = {{kTargetLabel, target}};
    readings.Sum(kCallsInFlight, of, static_cast<double>(client.calls_in_flight));
    readings.Most(kConfigVersion, of, client.config_version);
    for (const CompartmentSnapshot& compartment : client.compartments) ReadCompartment(compartment, target, windows, readings);
    if (client.resolution) {
      readings.Most(kEndpoints, of, static_cast<double>(client.resolution->endpoints.size()));
      if (client.resolution->age) readings.Most(kEndpointsAge, of, InSeconds(*client.resolution->age));
    }
    if (client.throttle) {
      readings.Sum(kRetryTokens, of, client.throttle->tokens);
      readings.Sum(kRetryTokensMax, of, client.throttle->max_tokens);
    }
  }
  return std::move(readings).Take();
}

void ObservedClients::Add(const ObservedClient& client) {
  const std::lock_guard lock(mutex_);
  sources_[&client] = client.snapshot;
}

void ObservedClients::Remove(const ObservedClient& client) {
  const std::lock_guard lock(mutex_);
  sources_.erase(&client);
}

std::vector<ClientSnapshot> ObservedClients::Snapshots() {
  // Asked without the lock: whoever asks may find itself the last to keep the client, and end it.
  std::vector<std::function<std::optional<ClientSnapshot>()>> sources;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [client, source] : sources_) sources.push_back(source);
  }
  std::vector<ClientSnapshot> snapshots;
  for (const auto& source : sources) {
    if (std::optional<ClientSnapshot> snapshot = source()) snapshots.push_back(*std::move(snapshot));
  }
  return snapshots;
}

}  // namespace userclient::internal
