#include "telemetry/trace_context.h"

#include <algorithm>
#include <utility>

namespace userclient::internal {
namespace {

constexpr std::string_view kTraceparent = "traceparent";
constexpr std::string_view kTracestate = "tracestate";

/// The value of a digit, in lower case; -1 if it is none.
int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return HexDigit(c) >= 0; });
}

/// gRPC ends the process over metadata that it cannot send, and an inbound header is whatever a stranger made it.
bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

bool IsId(std::string_view text) { return IsHex(text) && text.find_first_not_of('0') != std::string_view::npos; }

}  // namespace

std::optional<Traceparent> ParseTraceparent(std::string_view header) {
  // version "-" trace-id "-" parent-id "-" flags
  constexpr size_t kLength = 2 + 1 + 32 + 1 + 16 + 1 + 2;
  if (header.size() < kLength || header[2] != '-' || header[35] != '-' || header[52] != '-') return std::nullopt;
  const std::string_view version = header.substr(0, 2);
  const std::string_view flags = header.substr(53, 2);
  if (!IsHex(version) || version == "ff" || !IsHex(flags)) return std::nullopt;
  if (header.size() > kLength && (version == "00" || header[kLength] != '-')) return std::nullopt;
  const Traceparent parsed = {.trace_id = header.substr(3, 32),
                              .parent_id = header.substr(36, 16),
                              .flags = static_cast<uint8_t>(HexDigit(flags[0]) << 4 | HexDigit(flags[1]))};
  if (!IsId(parsed.trace_id) || !IsId(parsed.parent_id)) return std::nullopt;
  return parsed;
}

bool IsTraceHeader(std::string_view key) { return key == kTraceparent || key == kTracestate; }

TraceContext TraceOf(const Metadata& headers) {
  TraceContext trace;
  int parents = 0;
  for (const auto& [key, value] : headers) {
    if (key == kTraceparent) {
      ++parents;
      trace.traceparent = value;
    } else if (key == kTracestate && !value.empty() && IsPrintable(value)) {
      if (!trace.tracestate.empty()) trace.tracestate += ',';
      trace.tracestate += value;
    }
  }
  if (parents != 1 || !IsPrintable(trace.traceparent) || !ParseTraceparent(trace.traceparent)) return {};
  return trace;
}

void KeepLaterTrace(size_t before, Metadata& headers) {
  const auto is_parent = [](const auto& pair) { return pair.first == kTraceparent; };
  // Whoever takes the first one out himself leaves a single one.
  if (before >= headers.size() || std::count_if(headers.begin(), headers.end(), is_parent) < 2) return;
  const auto later = headers.begin() + static_cast<std::ptrdiff_t>(before);
  const bool replaced = !TraceOf(Metadata(later, headers.end())).traceparent.empty();
  const auto [from, to] = replaced ? std::pair(headers.begin(), later) : std::pair(later, headers.end());
  headers.erase(std::remove_if(from, to, [](const auto& pair) { return IsTraceHeader(pair.first); }), to);
}

void AppendTrace(TraceContext trace, Metadata& metadata) {
  if (trace.traceparent.empty()) return;
  metadata.emplace_back(kTraceparent, std::move(trace.traceparent));
  if (!trace.tracestate.empty()) metadata.emplace_back(kTracestate, std::move(trace.tracestate));
}

}  // namespace userclient::internal
