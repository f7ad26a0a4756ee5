#pragma once

/// Traces and metrics for OpenTelemetry, with opentelemetry-cpp (its API alone). Link userclient::opentelemetry.
///
///   options.observers = {userclient::OpenTelemetryObserver::Create({.tracer_provider = tracers, .meter_provider = meters})};
///
/// A call is a span, `Sent.user.v1.UserService.GetUser`, with a child for each attempt, `Attempt....` (gRFC A72). Its parent is a
/// `traceparent` in CallOptions::metadata, else the span that is current on the calling thread, else the trace context of
/// CallOptions::parent. Each attempt tells the server of itself by W3C trace context (`traceparent`, `tracestate`), or what
/// `propagator` writes.
///
/// Metrics have the names of gRFC A66 and A96 and, for what gRPC does not have, `userclient.*`; docs/telemetry.md lists them.
/// Give the histograms of durations LatencyBuckets by a view, as it shows: the API has no way to, and the SDK's own are made for
/// milliseconds.

#include <opentelemetry/version.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "userclient/observer.h"

OPENTELEMETRY_BEGIN_NAMESPACE
namespace context::propagation {
class TextMapPropagator;
}  // namespace context::propagation
namespace metrics {
class MeterProvider;
}  // namespace metrics
namespace trace {
class TracerProvider;
}  // namespace trace
OPENTELEMETRY_END_NAMESPACE

namespace userclient {

struct OpenTelemetryOptions {
  bool traces = true;
  bool metrics = true;
  /// Whether `grpc.client.*` is among the metrics. Where gRPC's own OpenTelemetry plugin is registered it has metrics of the same
  /// names, and everything would be counted twice.
  bool grpc_metrics = true;
  /// Whether the messages of statuses are in the descriptions of spans, after their codes: a server may put into them what no
  /// tracing backend should hold.
  bool messages = true;
  /// What `grpc.target` is in metrics, as PrometheusOptions::target_label: given the target with its scheme
  /// ("dns:///users:50051"), for clients, their changes and events, and collections, but not for calls; on several threads at
  /// once. Must give the same for the same target, and neither block nor throw. Clients with the same label add up. Empty: the
  /// target itself, which spans name in any case.
  std::function<std::string(std::string_view target)> target_label{};

  /// Null: the global ones, as they are when the observer is made (opentelemetry::trace::Provider, metrics::Provider).
  std::shared_ptr<opentelemetry::trace::TracerProvider> tracer_provider{};
  std::shared_ptr<opentelemetry::metrics::MeterProvider> meter_provider{};
  /// Writes the headers of every attempt: its span, and whatever else it takes from the context that is current on the calling
  /// thread, such as baggage. Only writes: the parent of a call is found as above. Null: the global one
  /// (GlobalTextMapPropagator), or W3C trace context where the program has set none.
  std::shared_ptr<opentelemetry::context::propagation::TextMapPropagator> propagator{};
};

/// The upper bounds that gRFC A66 wants for the buckets of durations, in seconds: 41 of them, without the one that has none.
const std::vector<double>& LatencyBuckets();

/// One for a process, given to all its clients. *Thread-safe.*
class OpenTelemetryObserver final : public Observer {
 public:
  static std::shared_ptr<OpenTelemetryObserver> Create(const OpenTelemetryOptions& options = {});
  ~OpenTelemetryObserver() override;

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
  class Telemetry;
  explicit OpenTelemetryObserver(std::unique_ptr<Telemetry> telemetry);

  const std::unique_ptr<Telemetry> telemetry_;
};

}  // namespace userclient
