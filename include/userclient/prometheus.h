#pragma once

/// Metrics for Prometheus, with prometheus-cpp. Link userclient::prometheus.
///
///   std::shared_ptr<userclient::PrometheusObserver> metrics = userclient::PrometheusObserver::Create();
///   options.observers = {metrics};
///
///   prometheus::Exposer exposer("127.0.0.1:9464");           // the server of prometheus-cpp, or
///   exposer.RegisterCollectable(metrics->collectable());
///   server.Get("/metrics", [&](...) { response.set_content(metrics->Text(), metrics->kContentType); });   // one of yours
///
/// Calls and attempts go by the names of gRFC A66 and A96 (grpc_client_call_duration_seconds, grpc_client_attempt_started_total,
/// ...); breakers, compartments, channels, endpoints and configs by userclient_*. docs/telemetry.md lists all of them, and
/// docs/grafana_dashboard.json shows them. What labels can hold is bounded: methods of the clients' own services, their
/// compartments, status codes, and their targets, of which a process should have few or give `target_label`.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "userclient/observer.h"

namespace prometheus {
class Collectable;
}  // namespace prometheus

namespace userclient {

struct PrometheusOptions {
  /// The upper bounds of the buckets of durations, in seconds, ascending and finite; the one without a bound is added. Empty:
  /// those of gRFC A66, 41 of them.
  std::vector<double> latency_buckets{};
  /// On every metric, for example {{"app", "checkout"}}.
  std::map<std::string, std::string> constant_labels{};
  /// What `grpc_target` is for the clients of a target, which is given with its scheme ("dns:///users:50051"). A process that
  /// makes clients for one address after the other would otherwise have new series for ever: what was counted stays, also when
  /// the last client of a target has gone, so that no scrape misses it. Clients with the same label add up. gRPC's word for
  /// those that are not told by name is "other":
  ///
  ///   .target_label = [](std::string_view target) { return std::string(target.starts_with("dns:") ? target : "other"); }
  ///
  /// Called for clients, their changes and events, and scrapes, but not for calls; on several threads at once. Must give the same
  /// for the same target, and neither block nor throw. Empty: the target itself.
  std::function<std::string(std::string_view target)> target_label{};
};

/// One for a process, given to all its clients: they differ by `grpc_target`. *Thread-safe.*
class PrometheusObserver final : public Observer {
 public:
  /// The Content-Type of Text.
  static constexpr char kContentType[] = "text/plain; version=0.0.4; charset=utf-8";

  /// *Errors:* INVALID_ARGUMENT naming the option.
  static absl::StatusOr<std::shared_ptr<PrometheusObserver>> Create(const PrometheusOptions& options = {});
  ~PrometheusObserver() override;

  /// For prometheus::Exposer, which holds it only weakly. Lives as long as this observer, or whoever else keeps it.
  std::shared_ptr<prometheus::Collectable> collectable() const;

  /// The exposition, to be answered to a scrape.
  std::string Text() const;

  void OnClientStart(const ObservedClient& client) override;
  void OnClientEnd(const ObservedClient& client) override;
  std::unique_ptr<CallState> OnCallStart(const ObservedCall& call, const CallOptions& options) override;
  void OnAttemptStart(const ObservedCall& call, const ObservedAttempt& attempt, CallState* state, Metadata& metadata) override;
  void OnAttemptEnd(const ObservedCall& call, const ObservedAttempt& attempt, const AttemptReport& report,
                    CallState* state) override;
  void OnCallEnd(const ObservedCall& call, const CallReport& report, const absl::Status& status, CallState* state) override;
  void OnCircuitChange(const ObservedClient& client, std::string_view compartment, const CircuitTransition& transition) override;
  void OnClientEvent(const ObservedClient& client, const ClientEvent& event) override;

 private:
  class Metrics;
  explicit PrometheusObserver(std::shared_ptr<Metrics> metrics);

  const std::shared_ptr<Metrics> metrics_;
};

}  // namespace userclient
