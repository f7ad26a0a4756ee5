#pragma once

#include <opentelemetry/metrics/async_instruments.h>
#include <opentelemetry/metrics/observer_result.h>
#include <opentelemetry/metrics/sync_instruments.h>
#include <opentelemetry/nostd/shared_ptr.h>
#include <opentelemetry/nostd/unique_ptr.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "telemetry/client_gauges.h"
#include "userclient/observer.h"

namespace userclient::internal {

/// The metrics of clients: what happens to them, and what they are like whenever metrics are collected. *Thread-safe.*
class ClientMetrics {
 public:
  ClientMetrics();
  ~ClientMetrics();
  ClientMetrics(const ClientMetrics&) = delete;
  ClientMetrics& operator=(const ClientMetrics&) = delete;

  void Add(const ObservedClient& client) { clients_.Add(client); }
  void Remove(const ObservedClient& client) { clients_.Remove(client); }
  void CountChange(const ObservedClient& client, std::string_view compartment, const CircuitTransition& transition) const;
  void CountEvent(const ObservedClient& client, const ClientEvent& event) const;

 private:
  using Counter = opentelemetry::metrics::Counter<uint64_t>;
  using Observable = opentelemetry::metrics::ObservableInstrument;

  struct Gauge {
    ClientMetrics* owner = nullptr;
    const Metric* metric = nullptr;
    opentelemetry::nostd::shared_ptr<Observable> instrument{};
  };

  /// `gauge`: which one is asked for.
  static void Observe(opentelemetry::metrics::ObserverResult result, void* gauge);

  ObservedClients clients_;
  opentelemetry::nostd::unique_ptr<Counter> circuit_changes_;
  opentelemetry::nostd::unique_ptr<Counter> events_;
  /// Never moved: OpenTelemetry knows where they are.
  std::vector<std::unique_ptr<Gauge>> gauges_;
};

}  // namespace userclient::internal
