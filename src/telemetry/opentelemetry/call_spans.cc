#include "telemetry/opentelemetry/call_spans.h"

#include <opentelemetry/context/runtime_context.h>
#include <opentelemetry/trace/context.h>
#include <opentelemetry/trace/span_startoptions.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "telemetry/labels.h"
#include "telemetry/metric.h"
#include "telemetry/opentelemetry/attributes.h"
#include "telemetry/trace_context.h"

namespace userclient::internal {
namespace {

namespace context = opentelemetry::context;
namespace trace = opentelemetry::trace;

/// Whose child a call is: invalid if nobody's.
trace::SpanContext ParentOf(const CallOptions& options, const context::Context& current) {
  // What the caller wrote there is meant for this call.
  trace::SpanContext own = SenderOf(TraceOf(options.metadata));
  if (own.IsValid()) return own;
  trace::SpanContext span = trace::GetSpan(current)->GetContext();
  if (span.IsValid()) return span;
  return options.parent == nullptr ? trace::SpanContext::GetInvalid() : SenderOf(InboundTrace(options));
}

/// "Sent.user.v1.UserService.GetUser"
std::string SpanName(const char* prefix, std::string_view method) {
  std::string name = absl::StrCat(prefix, ".", std::string(method));
  std::replace(name.begin(), name.end(), '/', '.');
  return name;
}

/// What both spans say of the method and the server.
Attributes RpcAttributes(const ObservedCall& call, const NetworkAddress& server) {
  const size_t slash = call.method.find('/');
  const std::string_view method = slash == std::string_view::npos ? std::string_view() : call.method.substr(slash + 1);
  Attributes attributes =
      MakeAttributes({{"rpc.system", "grpc"}, {"rpc.service", call.method.substr(0, slash)}, {"rpc.method", method}});
  AddServer(server, attributes);
  return attributes;
}

}  // namespace

void CallSpans::StartCall(const ObservedCall& call, const CallOptions& options, SpanTree& tree) const {
  tree.context = context::RuntimeContext::GetCurrent();
  const std::string target = CanonicalTarget(call.client.target);
  tree.server = ServerAddress(target);
  trace::StartSpanOptions start;
  start.kind = trace::SpanKind::kInternal;
  start.parent = ParentOf(options, tree.context);
  Attributes attributes = RpcAttributes(call, tree.server);
  attributes.emplace_back("grpc.target", View(target));
  attributes.emplace_back("userclient.compartment", View(call.compartment));
  attributes.emplace_back("userclient.flight", call.flight);
  tree.call = options_.tracer->StartSpan(SpanName("Sent", call.method), attributes, start);
}

void CallSpans::StartAttempt(const ObservedCall& call, const ObservedAttempt& attempt, SpanTree& tree, Metadata& metadata) const {
  trace::StartSpanOptions start;
  start.kind = trace::SpanKind::kClient;
  start.parent = tree.call->GetContext();
  Attributes attributes = RpcAttributes(call, tree.server);
  attributes.emplace_back("previous-rpc-attempts", attempt.number);
  attributes.emplace_back("transparent-retry", false);
  attributes.emplace_back("userclient.reason", View(Label(attempt.reason)));
  SpanTree::SpanPtr span = options_.tracer->StartSpan(SpanName("Attempt", call.method), attributes, start);
  Inject(trace::SetSpan(tree.context, span), *options_.propagator, metadata);
  tree.attempts.emplace_back(attempt.number, std::move(span));
}

void CallSpans::EndAttempt(const ObservedAttempt& attempt, const AttemptReport& report, SpanTree& tree) const {
  const auto ended = std::find_if(tree.attempts.begin(), tree.attempts.end(),
                                  [&](const auto& numbered) { return numbered.first == attempt.number; });
  if (ended == tree.attempts.end()) return;
  trace::Span& span = *ended->second;
  const NetworkAddress peer = PeerAddress(report.peer);
  Attributes attributes;
  AddPeer(peer, attributes);
  for (const auto& [name, value] : attributes) span.SetAttribute(name, value);
  SetStatus(report.status, span);
  span.End();
  tree.attempts.erase(ended);
}

void CallSpans::EndCall(const CallReport& report, const absl::Status& status, SpanTree& tree) const {
  trace::Span& span = *tree.call;
  span.SetAttribute("userclient.end", View(Label(report.end)));
  span.SetAttribute("userclient.source", View(Label(report.source)));
  if (report.rejection) span.SetAttribute("userclient.rejection", View(Label(*report.rejection)));
  SetStatus(status, span);
  span.End();
}

void CallSpans::SetStatus(const absl::Status& status, trace::Span& span) const {
  span.SetAttribute("rpc.grpc.status_code", static_cast<int>(status.code()));
  if (status.ok()) return span.SetStatus(trace::StatusCode::kOk);
  const std::string_view code = StatusLabel(static_cast<int>(status.code()));
  span.SetAttribute("error.type", View(code));
  std::string description(code);
  if (options_.messages && !status.message().empty()) absl::StrAppend(&description, ", ", status.message());
  span.SetStatus(trace::StatusCode::kError, description);
}

}  // namespace userclient::internal
