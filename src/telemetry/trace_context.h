#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "userclient/call_options.h"
#include "userclient/observer.h"

namespace userclient::internal {

/// The parts of a `traceparent`, as they stand in it.
struct Traceparent {
  /// 32 hexadecimal digits.
  std::string_view trace_id{};
  /// 16 of them: the span that sent it.
  std::string_view parent_id{};
  /// Bit 0: sampled; bit 1: the trace id is random.
  uint8_t flags = 0;
};

/// nullopt if it is none (https://www.w3.org/TR/trace-context/#traceparent-header): version, lengths, lower case, no id of zeros.
/// Of a later version than 00, what stands behind the flags is left alone. Refers to `header`.
std::optional<Traceparent> ParseTraceparent(std::string_view header);

/// Whether a key of metadata carries trace context: `traceparent`, `tracestate`.
bool IsTraceHeader(std::string_view key);

/// The trace context among these headers, as TraceContext says when there is one.
TraceContext TraceOf(const Metadata& headers);

/// Of two trace contexts, one of them among the first `before` headers, leaves the other; the first one if that is none.
void KeepLaterTrace(size_t before, Metadata& headers);

/// Adds its headers; none if there is no trace context.
void AppendTrace(TraceContext trace, Metadata& metadata);

}  // namespace userclient::internal
