#include <algorithm>
#include <utility>

#include "telemetry/opentelemetry/call_metrics.h"
#include "telemetry/opentelemetry/call_spans.h"
#include "telemetry/opentelemetry/client_metrics.h"
#include "userclient/opentelemetry.h"

namespace userclient {

using internal::CallMetrics;
using internal::CallSpans;
using internal::ClientMetrics;
using internal::SpanTree;

class OpenTelemetryObserver::Telemetry {
 public:
  explicit Telemetry(const OpenTelemetryOptions& options) {
    if (options.traces) spans.emplace();
    if (!options.metrics) return;
    calls.emplace();
    clients.emplace();
  }

  /// What is remembered of a call.
  struct Call final : public CallState {
    SpanTree spans{};
    CallMetrics::Counts counts{};
  };

  static Call& Of(CallState* state) { return static_cast<Call&>(*state); }

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
  if (telemetry_->spans) CallSpans::EndAttempt(attempt, report, of.spans);
  if (telemetry_->calls) telemetry_->calls->RecordAttempt(call, report);
}

void OpenTelemetryObserver::OnCallEnd(const ObservedCall& call, const CallReport& report, const absl::Status& status,
                                      CallState* state) {
  Telemetry::Call& of = Telemetry::Of(state);
  if (telemetry_->spans) CallSpans::EndCall(report, status, of.spans);
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
