#include "telemetry/opentelemetry/propagation.h"

#include <opentelemetry/context/propagation/global_propagator.h>
#include <opentelemetry/nostd/string_view.h>
#include <opentelemetry/trace/propagation/http_trace_context.h>
#include <opentelemetry/trace/trace_flags.h>
#include <opentelemetry/trace/trace_state.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "telemetry/opentelemetry/attributes.h"
#include "telemetry/trace_context.h"

namespace userclient::internal {
namespace {

namespace context = opentelemetry::context;
namespace nostd = opentelemetry::nostd;
namespace trace = opentelemetry::trace;
using trace::propagation::HttpTraceContext;

/// Takes what a propagator writes.
class MetadataCarrier final : public context::propagation::TextMapCarrier {
 public:
  nostd::string_view Get(nostd::string_view /*header*/) const noexcept override { return ""; }
  void Set(nostd::string_view header, nostd::string_view value) noexcept override {
    // Metadata has no other keys than those in lower case.
    std::string key(header.data(), header.size());
    absl::AsciiStrToLower(&key);
    metadata_.emplace_back(std::move(key), std::string(value.data(), value.size()));
  }

  const Metadata& metadata() const { return metadata_; }

 private:
  Metadata metadata_;
};

bool WritesNothing(const Propagator& propagator) {
  bool nothing = true;
  propagator.Fields([&nothing](nostd::string_view /*header*/) {
    nothing = false;
    return true;
  });
  return nothing;
}

}  // namespace

nostd::shared_ptr<Propagator> GlobalPropagator() {
  nostd::shared_ptr<Propagator> global = context::propagation::GlobalTextMapPropagator::GetGlobalPropagator();
  if (global != nullptr && !WritesNothing(*global)) return global;
  return nostd::shared_ptr<Propagator>(new HttpTraceContext());
}

trace::SpanContext SenderOf(const TraceContext& received) {
  const std::optional<Traceparent> parsed = ParseTraceparent(received.traceparent);
  if (!parsed) return trace::SpanContext::GetInvalid();
  return {HttpTraceContext::TraceIdFromHex(View(parsed->trace_id)), HttpTraceContext::SpanIdFromHex(View(parsed->parent_id)),
          // Those that the standard knows: what they say of a trace id must be said of it by whoever hands it on.
          trace::TraceFlags(parsed->flags & trace::TraceFlags::kAllW3CTraceContext2Flags), /*is_remote=*/true,
          trace::TraceState::FromHeader(received.tracestate)};
}

void Inject(const context::Context& context, Propagator& propagator, Metadata& metadata) {
  MetadataCarrier carrier;
  propagator.Inject(carrier, context);
  const Metadata& written = carrier.metadata();
  const auto is_written = [&written](std::string_view key) {
    return std::any_of(written.begin(), written.end(), [key](const auto& pair) { return pair.first == key; });
  };
  // The two trace headers are one thing, of which the second may be missing.
  const bool traced = is_written("traceparent");
  std::erase_if(metadata, [&](const auto& pair) { return is_written(pair.first) || (traced && IsTraceHeader(pair.first)); });
  metadata.insert(metadata.end(), written.begin(), written.end());
}

}  // namespace userclient::internal
