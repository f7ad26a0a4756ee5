#include <opentelemetry/metrics/meter_provider.h>
#include <opentelemetry/metrics/provider.h>
#include <opentelemetry/trace/provider.h>
#include <opentelemetry/trace/tracer_provider.h>

#include <optional>
#include <utility>

#include "telemetry/client_gauges.h"
#include "telemetry/metric.h"
#include "telemetry/opentelemetry/attributes.h"
#include "telemetry/opentelemetry/call_metrics.h"
#include "telemetry/opentelemetry/call_spans.h"
#include "telemetry/opentelemetry/client_metrics.h"
#include "telemetry/opentelemetry/propagation.h"
#include "userclient/opentelemetry.h"
#include "userclient/version.h"

namespace userclient {
namespace {

namespace metrics = opentelemetry::metrics;
namespace nostd = opentelemetry::nostd;
namespace trace = opentelemetry::trace;

/// The name of what tells: the instrumentation scope.
constexpr char kScope[] = "userclient";

/// `own`, or else the global one.
template <class Interface>
nostd::shared_ptr<Interface> Chosen(const std::shared_ptr<Interface>& own, nostd::shared_ptr<Interface> (*global)()) {
  return own != nullptr ? nostd::shared_ptr<Interface>(own) : global();
}

}  // namespace

const std::vector<double>& LatencyBuckets() { return internal::LatencyBuckets(); }

using internal::CallMetrics;
using internal::CallSpans;
using internal::ClientMetrics;
using internal::SpanTree;

class OpenTelemetryObserver::Telemetry {
 public:
  explicit Telemetry(const OpenTelemetryOptions& options)
      : tracers(Chosen(
            options.tracer_provider, +[] { return trace::Provider::GetTracerProvider(); })),
        meters(Chosen(
            options.meter_provider, +[] { return metrics::Provider::GetMeterProvider(); })) {
    const nostd::string_view version = internal::View(Version());
    if (options.traces) {
      spans.emplace(CallSpans::Options{.tracer = tracers->GetTracer(kScope, version),
                                       .propagator = Chosen(options.propagator, internal::GlobalPropagator),
                                       .messages = options.messages});
    }
    if (options.metrics) {
      const nostd::shared_ptr<metrics::Meter> meter = meters->GetMeter(kScope, version);
      clients.emplace(*meter, internal::TargetLabelOr(options.target_label));
      calls.emplace(*meter, options.grpc_metrics, clients->rejections());
    }
  }

  /// What is remembered of a call.
  struct Call final : public CallState {
    SpanTree spans{};
    CallMetrics::Counts counts{};
  };

  static Call& Of(CallState* state) { return static_cast<Call&>(*state); }

  /// Tracers and meters do not keep them.
  const nostd::shared_ptr<trace::TracerProvider> tracers;
  const nostd::shared_ptr<metrics::MeterProvider> meters;

  std::optional<CallSpans> spans;
  std::optional<CallMetrics> calls;
  std::optional<ClientMetrics> clients;
};

std::shared_ptr<OpenTelemetryObserver> OpenTelemetryObserver::Create(const OpenTelemetryOptions& options) {
  return std::shared_ptr<OpenTelemetryObserver>(new OpenTelemetryObserver(std::make_unique<Telemetry>(options)));
}

OpenTelemetryObserver::OpenTelemetryObserver(std::unique_ptr<Telemetry> telemetry) : telemetry_(std::move(telemetry)) {}

OpenTelemetryObserver::~OpenTelemetryObserver() = default;

void OpenTelemetryObserver::OnClientStart(const ObservedClient& client) {
  if (telemetry_->clients) telemetry_->clients->Add(client);
}

void OpenTelemetryObserver::OnClientEnd(const ObservedClient& client) {
  if (telemetry_->clients) telemetry_->clients->Remove(client);
}

std::unique_ptr<CallState> OpenTelemetryObserver::OnCallStart(const ObservedCall& call, const CallOptions& options) {
  auto state = std::make_unique<Telemetry::Call>();
  if (telemetry_->spans) telemetry_->spans->StartCall(call, options, state->spans);
  if (telemetry_->clients) state->counts.target = telemetry_->clients->TargetOf(call.client);
  return state;
}

void OpenTelemetryObserver::OnAttemptStart(const ObservedCall& call, const ObservedAttempt& attempt, CallState* state,
                                           Metadata& metadata) {
  Telemetry::Call& of = Telemetry::Of(state);
  if (telemetry_->spans) telemetry_->spans->StartAttempt(call, attempt, of.spans, metadata);
  if (telemetry_->calls) telemetry_->calls->CountAttempt(call, attempt, of.counts);
}

void OpenTelemetryObserver::OnAttemptEnd(const ObservedCall& call, const ObservedAttempt& attempt, const AttemptReport& report,
                                         CallState* state) {
  Telemetry::Call& of = Telemetry::Of(state);
  if (telemetry_->spans) telemetry_->spans->EndAttempt(attempt, report, of.spans);
  if (telemetry_->calls) telemetry_->calls->RecordAttempt(call, report, of.counts);
}

void OpenTelemetryObserver::OnCallEnd(const ObservedCall& call, const CallReport& report, const absl::Status& status,
                                      CallState* state) {
  Telemetry::Call& of = Telemetry::Of(state);
  if (telemetry_->spans) telemetry_->spans->EndCall(report, status, of.spans);
  if (telemetry_->calls) telemetry_->calls->RecordCall(call, report, of.counts);
}

void OpenTelemetryObserver::OnCircuitChange(const ObservedClient& client, std::string_view compartment,
                                            const CircuitTransition& transition) {
  if (telemetry_->clients) telemetry_->clients->CountChange(client, compartment, transition);
}

void OpenTelemetryObserver::OnClientEvent(const ObservedClient& client, const ClientEvent& event) {
  if (telemetry_->clients) telemetry_->clients->CountEvent(client, event);
}

}  // namespace userclient
