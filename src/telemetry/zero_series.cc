#include "telemetry/zero_series.h"

#include <string_view>
#include <utility>

#include "telemetry/labels.h"

namespace userclient::internal {

std::vector<CounterSeries> ZeroSeries(const ClientSnapshot& client, const std::string& target) {
  std::vector<CounterSeries> series;
  const auto add = [&](const Metric& metric, const std::vector<std::pair<std::string_view, std::string_view>>& labels) {
    CounterSeries& added = series.emplace_back();
    added.metric = &metric;
    for (const auto& [name, value] : labels) added.labels.emplace_back(name, value);
  };
  for (const ClientEvent::Kind kind : kAllEvents) add(kEvents, {{kTargetLabel, target}, {kEventLabel, Label(kind)}});
  for (const CompartmentSnapshot& compartment : client.compartments) {
    for (const std::string& method : compartment.methods) {
      for (const Rejection rejection : kAllRejections) {
        add(kRejections, {{kMethodLabel, method},
                          {kTargetLabel, target},
                          {kCompartmentLabel, compartment.name},
                          {kRejectionLabel, Label(rejection)}});
      }
    }
    if (!compartment.breaker) continue;
    for (const auto& [to, cause] : kCircuitChangesThatCanBe) {
      add(kCircuitChanges,
          {{kTargetLabel, target}, {kCompartmentLabel, compartment.name}, {kStateLabel, Label(to)}, {kCauseLabel, Label(cause)}});
    }
  }
  return series;
}

}  // namespace userclient::internal
