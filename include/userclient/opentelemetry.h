#pragma once

/// Traces and metrics for OpenTelemetry, with opentelemetry-cpp (its API alone). Link userclient::opentelemetry.
///
///   opentelemetry::trace::Provider::SetTracerProvider(...);          // as every program that is traced does
///   opentelemetry::metrics::Provider::SetMeterProvider(...);
///   options.observers = {userclient::OpenTelemetryObserver::Create()};
///
/// A call is a span, `Sent.user.v1.UserService.GetUser`, with a child for each attempt, `Attempt....` (gRFC A72). Its parent is a
/// `traceparent` in CallOptions::metadata, else the span that is current on the calling thread, else the trace context of
/// CallOptions::parent. Each attempt tells the server of itself by W3C trace context (`traceparent`, `tracestate`).
///
/// Metrics have the names of gRFC A66 and A96 and, for what gRPC does not have, `userclient.*`; docs/telemetry.md lists them.
/// Give the histograms of durations the buckets that it names by a view: the API has no way to.

#include <memory>
#include <string_view>

#include "userclient/observer.h"

namespace userclient {

struct OpenTelemetryOptions {
  bool traces = true;
  bool metrics = true;
};

/// One for a process, given to all its clients. *Thread-safe.* Asks for the global providers when it is made.
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
