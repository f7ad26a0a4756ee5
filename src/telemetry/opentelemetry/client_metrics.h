#pragma once

#include <opentelemetry/metrics/async_instruments.h>
#include <opentelemetry/metrics/meter.h>
#include <opentelemetry/metrics/observer_result.h>
#include <opentelemetry/metrics/sync_instruments.h>
#include <opentelemetry/nostd/shared_ptr.h>
#include <opentelemetry/nostd/unique_ptr.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "telemetry/client_gauges.h"
#include "userclient/observer.h"

namespace userclient::internal {

/// The metrics of clients: what happens to them, and what they are like whenever metrics are collected. *Thread-safe.*
class ClientMetrics {
 public:
  ClientMetrics(opentelemetry::metrics::Meter& meter, TargetLabel target_label);
  ~ClientMetrics();
  ClientMetrics(const ClientMetrics&) = delete;
  ClientMetrics& operator=(const ClientMetrics&) = delete;

  void Add(const ObservedClient& client);
  void Remove(const ObservedClient& client);
  /// `grpc.target` of one that has been added, until it is removed.
  std::shared_ptr<const std::string> TargetOf(const ObservedClient& client) const;
  void CountChange(const ObservedClient& client, std::string_view compartment, const CircuitTransition& transition) const;
  void CountEvent(const ObservedClient& client, const ClientEvent& event) const;

  using Counter = opentelemetry::metrics::Counter<uint64_t>;
  /// Counted by CallMetrics, and shown from the start by this.
  const std::shared_ptr<Counter>& rejections() const { return rejections_; }

 private:
  using Observable = opentelemetry::metrics::ObservableInstrument;
  using Readings = std::shared_ptr<const std::vector<GaugeReadings>>;

  struct Gauge {
    ClientMetrics* owner = nullptr;
    const Metric* metric = nullptr;
    opentelemetry::nostd::shared_ptr<Observable> instrument{};
    /// Those that it has shown.
    Readings shown{};
  };

  /// `gauge`: which one is asked for.
  static void Observe(opentelemetry::metrics::ObserverResult result, void* gauge);

  /// The same for all gauges of one collection: they are asked one by one, and must not contradict each other.
  Readings ReadingsFor(Gauge& gauge);

  /// Shows the counters that alarms wait for.
  void ShowZeros(const ClientSnapshot& client) const;

  const TargetLabel target_label_;
  ObservedClients clients_;
  opentelemetry::nostd::unique_ptr<Counter> circuit_changes_;
  opentelemetry::nostd::unique_ptr<Counter> events_;
  std::shared_ptr<Counter> rejections_;
  /// Never moved: OpenTelemetry knows where they are.
  std::vector<std::unique_ptr<Gauge>> gauges_;
  /// Guards `readings_` and what every gauge has shown.
  std::mutex mutex_;
  /// Of the collection that is going on, or the last one.
  Readings readings_;

  mutable std::shared_mutex targets_mutex_;
  // Guarded by targets_mutex_.
  std::unordered_map<const ObservedClient*, std::shared_ptr<const std::string>> targets_;
};

}  // namespace userclient::internal
