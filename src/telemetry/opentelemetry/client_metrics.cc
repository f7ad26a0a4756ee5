#include "telemetry/opentelemetry/client_metrics.h"

#include <opentelemetry/nostd/variant.h>

#include <optional>
#include <string>
#include <utility>

#include "telemetry/labels.h"
#include "telemetry/metric.h"
#include "telemetry/opentelemetry/attributes.h"
#include "telemetry/zero_series.h"

namespace userclient::internal {
namespace {

namespace metrics = opentelemetry::metrics;
namespace nostd = opentelemetry::nostd;

constexpr const Metric* kGauges[] = {&kCircuitState,     &kCircuitCalls,     &kCircuitSlowCalls,   &kCircuitFailureRatio,
                                     &kCompartmentLimit, &kCompartmentInUse, &kCompartmentWaiting, &kChannels,
                                     &kEndpoints,        &kEndpointsAge,     &kConfigVersion,      &kRetryTokens,
                                     &kRetryTokensMax,   &kCallsInFlight};

}  // namespace

ClientMetrics::ClientMetrics(metrics::Meter& meter, TargetLabel target_label) : target_label_(std::move(target_label)) {
  const auto counter = [&](const Metric& metric) {
    return meter.CreateUInt64Counter(View(metric.name), View(metric.description), View(metric.unit));
  };
  circuit_changes_ = counter(kCircuitChanges);
  events_ = counter(kEvents);
  rejections_ = std::shared_ptr<Counter>(counter(kRejections).release());
  for (const Metric* metric : kGauges) {
    auto gauge = std::make_unique<Gauge>();
    gauge->owner = this;
    gauge->metric = metric;
    gauge->instrument = meter.CreateDoubleObservableGauge(View(metric->name), View(metric->description), View(metric->unit));
    gauge->instrument->AddCallback(Observe, gauge.get());
    gauges_.push_back(std::move(gauge));
  }
}

ClientMetrics::~ClientMetrics() {
  for (const auto& gauge : gauges_) gauge->instrument->RemoveCallback(Observe, gauge.get());
}

void ClientMetrics::Add(const ObservedClient& client) {
  clients_.Add(client);
  if (const std::optional<ClientSnapshot> snapshot = client.snapshot()) ShowZeros(*snapshot);
  auto target = std::make_shared<const std::string>(target_label_(client.target));
  const std::lock_guard lock(targets_mutex_);
  targets_[&client] = std::move(target);
}

void ClientMetrics::Remove(const ObservedClient& client) {
  clients_.Remove(client);
  const std::lock_guard lock(targets_mutex_);
  targets_.erase(&client);
}

std::shared_ptr<const std::string> ClientMetrics::TargetOf(const ObservedClient& client) const {
  const std::shared_lock lock(targets_mutex_);
  return targets_.find(&client)->second;
}

void ClientMetrics::ShowZeros(const ClientSnapshot& client) const {
  for (const CounterSeries& series : ZeroSeries(client, target_label_(client.target))) {
    Attributes attributes;
    for (const auto& [name, value] : series.labels) attributes.emplace_back(View(name), View(value));
    for (const auto& [metric, counter] :
         {std::pair(&kRejections, rejections_.get()), std::pair(&kCircuitChanges, circuit_changes_.get()),
          std::pair(&kEvents, events_.get())}) {
      if (series.metric == metric) counter->Add(0, attributes);
    }
  }
}

void ClientMetrics::CountChange(const ObservedClient& client, std::string_view compartment,
                                const CircuitTransition& transition) const {
  const std::string target = target_label_(client.target);
  circuit_changes_->Add(1, MakeAttributes({{kTargetLabel, target},
                                           {kCompartmentLabel, compartment},
                                           {kStateLabel, Label(transition.to)},
                                           {kCauseLabel, Label(transition.cause)}}));
}

void ClientMetrics::CountEvent(const ObservedClient& client, const ClientEvent& event) const {
  const std::string target = target_label_(client.target);
  events_->Add(1, MakeAttributes({{kTargetLabel, target}, {kEventLabel, Label(event.kind)}}));
}

ClientMetrics::Readings ClientMetrics::ReadingsFor(Gauge& gauge) {
  {
    const std::lock_guard lock(mutex_);
    // A collection asks every gauge once: the first one that would show the same again begins the next.
    if (gauge.shown != readings_) return gauge.shown = readings_;
  }
  const std::vector<ClientSnapshot> clients = clients_.Snapshots();
  // A reload may have made compartments.
  for (const ClientSnapshot& client : clients) ShowZeros(client);
  auto readings = std::make_shared<const std::vector<GaugeReadings>>(ReadGauges(clients, target_label_));
  const std::lock_guard lock(mutex_);
  return gauge.shown = readings_ = std::move(readings);
}

void ClientMetrics::Observe(metrics::ObserverResult result, void* gauge) {
  auto& of = *static_cast<Gauge*>(gauge);
  const auto& observed = nostd::get<nostd::shared_ptr<metrics::ObserverResultT<double>>>(result);
  const Readings readings = of.owner->ReadingsFor(of);
  for (const GaugeReadings& read : *readings) {
    if (read.metric != of.metric) continue;
    for (const Reading& reading : read.readings) {
      Attributes attributes;
      for (const auto& [name, value] : reading.labels) attributes.emplace_back(View(name), View(value));
      observed->Observe(reading.value, attributes);
    }
  }
}

}  // namespace userclient::internal
