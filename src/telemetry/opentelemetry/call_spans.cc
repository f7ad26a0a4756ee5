#include "telemetry/opentelemetry/call_spans.h"

#include <opentelemetry/context/context.h>
#include <opentelemetry/context/propagation/text_map_propagator.h>
#include <opentelemetry/trace/context.h>
#include <opentelemetry/trace/propagation/http_trace_context.h>
#include <opentelemetry/trace/provider.h>
#include <opentelemetry/trace/span_startoptions.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "telemetry/labels.h"
#include "telemetry/metric.h"
#include "telemetry/opentelemetry/attributes.h"

namespace userclient::internal {
namespace {

namespace context = opentelemetry::context;
namespace nostd = opentelemetry::nostd;
namespace trace = opentelemetry::trace;

/// Trace context as the propagator reads and writes it.
class TraceCarrier final : public context::propagation::TextMapCarrier {
 public:
  explicit TraceCarrier(TraceContext trace = {}) : trace_(std::move(trace)) {}

  nostd::string_view Get(nostd::string_view key) const noexcept override {
    if (key == trace::propagation::kTraceParent) return trace_.traceparent;
    if (key == trace::propagation::kTraceState) return trace_.tracestate;
    return "";
  }

  void Set(nostd::string_view key, nostd::string_view value) noexcept override {
    (key == trace::propagation::kTraceParent ? trace_.traceparent : trace_.tracestate) = std::string(value.data(), value.size());
  }

  const TraceContext& trace() const { return trace_; }

 private:
  TraceContext trace_;
};

trace::SpanContext Parse(const TraceContext& inbound) {
  if (inbound.traceparent.empty()) return trace::SpanContext::GetInvalid();
  context::Context nothing;
  context::Context extracted = trace::propagation::HttpTraceContext().Extract(TraceCarrier(inbound), nothing);
  return trace::GetSpan(extracted)->GetContext();
}

/// Whose child a call is: invalid if nobody's.
trace::SpanContext ParentOf(const CallOptions& options) {
  // What the caller wrote there is meant for this call.
  trace::SpanContext own = Parse(InboundTrace({.metadata = options.metadata}));
  if (own.IsValid()) return own;
  trace::SpanContext current = trace::Tracer::GetCurrentSpan()->GetContext();
  if (current.IsValid()) return current;
  return options.parent == nullptr ? trace::SpanContext::GetInvalid() : Parse(InboundTrace(options));
}

/// "Sent.user.v1.UserService.GetUser"
std::string SpanName(const char* prefix, std::string_view method) {
  std::string name = absl::StrCat(prefix, ".", std::string(method));
  std::replace(name.begin(), name.end(), '/', '.');
  return name;
}

void SetStatus(const absl::Status& status, trace::Span& span) {
  span.SetAttribute("rpc.grpc.status_code", static_cast<int>(status.code()));
  if (status.ok()) return span.SetStatus(trace::StatusCode::kOk);
  const std::string_view code = StatusLabel(static_cast<int>(status.code()));
  span.SetStatus(trace::StatusCode::kError, absl::StrCat(std::string(code), ", ", std::string(status.message())));
}

}  // namespace

CallSpans::CallSpans() : tracer_(trace::Provider::GetTracerProvider()->GetTracer("userclient")) {}

void CallSpans::StartCall(const ObservedCall& call, const CallOptions& options, SpanTree& tree) const {
  trace::StartSpanOptions start;
  start.kind = trace::SpanKind::kInternal;
  start.parent = ParentOf(options);
  const size_t slash = call.method.find('/');
  const std::string_view service = call.method.substr(0, slash);
  const std::string_view method = slash == std::string_view::npos ? std::string_view() : call.method.substr(slash + 1);
  const std::string target = CanonicalTarget(call.client.target);
  tree.call = tracer_->StartSpan(SpanName("Sent", call.method),
                                 {{"rpc.system", "grpc"},
                                  {"rpc.service", View(service)},
                                  {"rpc.method", View(method)},
                                  {"grpc.target", target},
                                  {"userclient.compartment", View(call.compartment)},
                                  {"userclient.flight", call.flight}},
                                 start);
}

void CallSpans::StartAttempt(const ObservedCall& call, const ObservedAttempt& attempt, SpanTree& tree, Metadata& metadata) const {
  trace::StartSpanOptions start;
  start.kind = trace::SpanKind::kClient;
  start.parent = tree.call->GetContext();
  SpanTree::SpanPtr span = tracer_->StartSpan(SpanName("Attempt", call.method),
                                              {{"rpc.system", "grpc"},
                                               {"previous-rpc-attempts", attempt.number},
                                               {"transparent-retry", false},
                                               {"userclient.reason", View(Label(attempt.reason))}},
                                              start);
  context::Context nothing;
  TraceCarrier carrier;
  trace::propagation::HttpTraceContext().Inject(carrier, trace::SetSpan(nothing, span));
  if (!carrier.trace().traceparent.empty()) {
    metadata.emplace_back("traceparent", carrier.trace().traceparent);
    if (!carrier.trace().tracestate.empty()) metadata.emplace_back("tracestate", carrier.trace().tracestate);
  }
  tree.attempts.emplace_back(attempt.number, std::move(span));
}

void CallSpans::EndAttempt(const ObservedAttempt& attempt, const AttemptReport& report, SpanTree& tree) {
  const auto ended = std::find_if(tree.attempts.begin(), tree.attempts.end(),
                                  [&](const auto& numbered) { return numbered.first == attempt.number; });
  if (ended == tree.attempts.end()) return;
  trace::Span& span = *ended->second;
  if (!report.peer.empty()) span.SetAttribute("network.peer.address", report.peer);
  SetStatus(report.status, span);
  span.End();
  tree.attempts.erase(ended);
}

void CallSpans::EndCall(const CallReport& report, const absl::Status& status, SpanTree& tree) {
  trace::Span& span = *tree.call;
  span.SetAttribute("userclient.end", View(Label(report.end)));
  span.SetAttribute("userclient.source", View(Label(report.source)));
  if (report.rejection) span.SetAttribute("userclient.rejection", View(Label(*report.rejection)));
  SetStatus(status, span);
  span.End();
}

}  // namespace userclient::internal
