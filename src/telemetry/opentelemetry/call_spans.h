#pragma once

#include <opentelemetry/context/context.h>
#include <opentelemetry/nostd/shared_ptr.h>
#include <opentelemetry/trace/span.h>
#include <opentelemetry/trace/tracer.h>

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "telemetry/opentelemetry/network_attributes.h"
#include "telemetry/opentelemetry/propagation.h"
#include "userclient/observer.h"

namespace userclient::internal {

/// The spans of one call, while it goes on.
struct SpanTree {
  using SpanPtr = opentelemetry::nostd::shared_ptr<opentelemetry::trace::Span>;

  SpanPtr call{};
  /// That of the calling thread, when it made the call.
  opentelemetry::context::Context context{};
  NetworkAddress server{};
  /// By their numbers: those under way.
  std::vector<std::pair<int, SpanPtr>> attempts{};
};

/// A span for each call, with one for each attempt below it, named as gRFC A72 has it. *Thread-safe*, a tree aside.
class CallSpans {
 public:
  struct Options {
    opentelemetry::nostd::shared_ptr<opentelemetry::trace::Tracer> tracer{};
    opentelemetry::nostd::shared_ptr<Propagator> propagator{};
    /// As in OpenTelemetryOptions.
    bool messages = true;
  };

  explicit CallSpans(Options options) : options_(std::move(options)) {}

  void StartCall(const ObservedCall& call, const CallOptions& options, SpanTree& tree) const;
  /// Tells the server of the attempt, unless nobody traces.
  void StartAttempt(const ObservedCall& call, const ObservedAttempt& attempt, SpanTree& tree, Metadata& metadata) const;
  void EndAttempt(const ObservedAttempt& attempt, const AttemptReport& report, SpanTree& tree) const;
  void EndCall(const CallReport& report, const absl::Status& status, SpanTree& tree) const;

 private:
  void SetStatus(const absl::Status& status, opentelemetry::trace::Span& span) const;

  const Options options_;
};

}  // namespace userclient::internal
