#pragma once

#include <opentelemetry/context/context.h>
#include <opentelemetry/context/propagation/text_map_propagator.h>
#include <opentelemetry/nostd/shared_ptr.h>
#include <opentelemetry/trace/span_context.h>

#include "userclient/observer.h"

namespace userclient::internal {

using Propagator = opentelemetry::context::propagation::TextMapPropagator;

/// The one that the program has set, if it writes anything; else W3C trace context.
opentelemetry::nostd::shared_ptr<Propagator> GlobalPropagator();

/// The span that sent this; invalid if nobody did.
opentelemetry::trace::SpanContext SenderOf(const TraceContext& received);

/// Adds what `propagator` has to tell of `context` to `metadata`, in the place of what other observers have said there in the
/// same headers: a server takes two of them for none.
void Inject(const opentelemetry::context::Context& context, Propagator& propagator, Metadata& metadata);

}  // namespace userclient::internal
