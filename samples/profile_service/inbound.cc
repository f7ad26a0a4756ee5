#include "inbound.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <random>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"

namespace profile_service {
namespace {

constexpr std::size_t kLongestId = 128;

bool FitForLogs(std::string_view id) {
  return !id.empty() && id.size() <= kLongestId && std::all_of(id.begin(), id.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  });
}

std::string NewId() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  return absl::StrFormat("%016x", static_cast<uint64_t>(random()));
}

/// https://www.w3.org/TR/trace-context/: 00-<32 hex>-<16 hex>-<2 hex>, no id all zeros. Later versions may add to it.
bool IsTraceparent(std::string_view text) {
  constexpr std::array<std::size_t, 3> kDashes = {2, 35, 52};
  constexpr std::size_t kSize = 55;
  if (text.size() < kSize || text.starts_with("ff")) return false;
  if (text.size() > kSize && (text.starts_with("00") || text[kSize] != '-')) return false;
  for (std::size_t i = 0; i < kSize; ++i) {
    const bool dash = std::find(kDashes.begin(), kDashes.end(), i) != kDashes.end();
    const bool hex = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
    if (dash ? text[i] != '-' : !hex) return false;
  }
  const auto zeros = [](std::string_view id) { return id.find_first_not_of('0') == std::string_view::npos; };
  return !zeros(text.substr(3, 32)) && !zeros(text.substr(36, 16));
}

/// Empty without one that is valid. Two are none: nobody knows which to follow.
std::string TraceparentOf(const httplib::Request& request) {
  if (request.get_header_value_count("traceparent") != 1) return "";
  std::string traceparent = request.get_header_value("traceparent");
  return IsTraceparent(traceparent) ? traceparent : "";
}

/// A list, which may come in several headers. Its order counts: without it the list is worth nothing.
std::string TracestateOf(const httplib::Request& request) {
  std::string tracestate;
  const auto [begin, end] = request.headers.equal_range("tracestate");
  if (!kHeadersKeepOrder && std::distance(begin, end) > 1) return tracestate;
  for (auto part = begin; part != end; ++part) {
    if (!part->second.empty()) absl::StrAppend(&tracestate, tracestate.empty() ? "" : ",", part->second);
  }
  return tracestate;
}

/// What may stand in gRPC metadata.
bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

absl::StatusOr<std::chrono::nanoseconds> TimeoutOf(const httplib::Request& request, const TimeoutRules& rules) {
  if (!request.has_header("X-Request-Timeout")) return std::min(rules.usual, rules.longest);
  if (request.get_header_value_count("X-Request-Timeout") > 1) {
    return absl::InvalidArgumentError("X-Request-Timeout: is there more than once");
  }
  const std::string text = request.get_header_value("X-Request-Timeout");
  absl::Duration timeout;
  if (!absl::ParseDuration(text, &timeout) || timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("X-Request-Timeout: \"", text, "\" is no duration above 0, like 250ms or 1.5s"));
  }
  return std::min(absl::ToChronoNanoseconds(timeout), rules.longest);
}

}  // namespace

Inbound::Inbound(const httplib::Request& request, std::function<bool()> is_gone)
    : http_(request), is_gone_(std::move(is_gone)), arrived_(std::chrono::steady_clock::now()) {
  const std::string given = request.get_header_value("X-Request-Id");
  id_ = FitForLogs(given) ? given : NewId();
}

std::string Inbound::trace_id() const {
  const std::string traceparent = TraceparentOf(http_);
  return traceparent.empty() ? "" : traceparent.substr(3, 32);
}

absl::StatusOr<userclient::CallOptions> Inbound::Options(const TimeoutRules& rules, std::stop_token stop) const {
  const absl::StatusOr<std::chrono::nanoseconds> timeout = TimeoutOf(http_, rules);
  if (!timeout.ok()) return timeout.status();
  userclient::CallOptions options;
  // A part of it is gone: the body had to come first.
  options.timeout = std::max(*timeout - (std::chrono::steady_clock::now() - arrived_), std::chrono::nanoseconds::zero());
  options.stop = std::move(stop);
  options.metadata.emplace_back("x-request-id", id_);
  if (const std::string traceparent = TraceparentOf(http_); !traceparent.empty()) {
    options.metadata.emplace_back("traceparent", traceparent);
    const std::string tracestate = TracestateOf(http_);
    if (!tracestate.empty() && IsPrintable(tracestate)) options.metadata.emplace_back("tracestate", tracestate);
  }
  return options;
}

}  // namespace profile_service
