#pragma once

#include <opentelemetry/nostd/shared_ptr.h>
#include <opentelemetry/trace/span.h>
#include <opentelemetry/trace/tracer.h>

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "userclient/observer.h"

namespace userclient::internal {

/// The spans of one call, while it goes on.
struct SpanTree {
  using SpanPtr = opentelemetry::nostd::shared_ptr<opentelemetry::trace::Span>;

  SpanPtr call{};
  /// By their numbers: those under way.
  std::vector<std::pair<int, SpanPtr>> attempts{};
};

/// A span for each call, with one for each attempt below it, named as gRFC A72 has it. *Thread-safe*, a tree aside.
class CallSpans {
 public:
  CallSpans();

  void StartCall(const ObservedCall& call, const CallOptions& options, SpanTree& tree) const;
  /// Tells the server of the attempt by W3C trace context, unless nobody traces.
  void StartAttempt(const ObservedCall& call, const ObservedAttempt& attempt, SpanTree& tree, Metadata& metadata) const;
  static void EndAttempt(const ObservedAttempt& attempt, const AttemptReport& report, SpanTree& tree);
  static void EndCall(const CallReport& report, const absl::Status& status, SpanTree& tree);

 private:
  const opentelemetry::nostd::shared_ptr<opentelemetry::trace::Tracer> tracer_;
};

}  // namespace userclient::internal
