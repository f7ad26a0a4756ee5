// ServiceConfig::Parse: what it accepts means the same to gRPC's channel and to itself; what it refuses has a place.

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "absl/status/statusor.h"
#include "config/duration.h"
#include "config/json_reader.h"
#include "config/value_check.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/text_promises.h"
#include "userclient/service_config.h"

namespace userclient::fuzz {
namespace {

using std::chrono::nanoseconds;

/// "line 3, column 7: ..." of a text that is not JSON lies within the text.
void RequirePlaceInText(std::string_view message, std::string_view text) {
  constexpr std::string_view kLine = "line ";
  Require(message.starts_with(kLine), "text that is not JSON is refused with line and column", message);
  size_t line = 0;
  const auto [end, error] = std::from_chars(message.data() + kLine.size(), message.data() + message.size(), line);
  const auto lines = static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  Require(error == std::errc() && line >= 1 && line <= lines, "the line of an error is in the text", message);
}

void RequireSoundRefusal(const absl::Status& status, std::string_view text) {
  const std::string message(status.message());
  Require(status.code() == absl::StatusCode::kInvalidArgument, "a config is refused as INVALID_ARGUMENT", status.ToString());
  RequireReadable(message);
  if (text.size() > internal::kMostBytes || message.starts_with("nested more than ")) return;
  const nlohmann::json document = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) return RequirePlaceInText(message, text);
  if (document.is_object()) Require(message.find(": ") != std::string::npos, "a mistake is named with its path", message);
}

void RequireSoundDuration(const std::optional<nanoseconds>& duration) {
  if (!duration) return;
  const absl::StatusOr<nanoseconds> again = internal::ParseDuration(internal::FormatDuration(*duration));
  Require(again.ok() && *again == *duration, "a duration can be written and read again", internal::FormatDuration(*duration));
}

void RequireSoundMethod(const ServiceConfig& config, const MethodConfig& method) {
  Require(!method.names.empty(), "an entry has a name");
  for (const MethodName& name : method.names) {
    Require(!name.service.empty() || name.method.empty(), "no method without its service");
    // A method of its own if the name is a wildcard: none of that name stands in the file, or another entry would have it.
    if (!name.method.empty()) {
      Require(config.FindMethod(name.service, name.method) == &method, "an entry is found by its name", name.method);
    }
  }
  Require(!method.retry_policy || !method.hedging_policy, "one policy at most");
  RequireSoundDuration(method.timeout);
  if (method.retry_policy) {
    const RetryPolicy& retry = *method.retry_policy;
    Require(retry.max_attempts >= 2 && retry.max_attempts <= 10, "maxAttempts is from 2 to 10");
    Require(retry.initial_backoff > nanoseconds::zero() && retry.max_backoff > nanoseconds::zero(), "backoffs are more than 0");
    Require(retry.backoff_multiplier > 0, "backoffMultiplier is more than 0");
    RequireSoundDuration(retry.initial_backoff);
    RequireSoundDuration(retry.max_backoff);
    RequireSoundDuration(retry.per_attempt_recv_timeout);
  }
  if (method.hedging_policy) {
    Require(method.hedging_policy->max_attempts >= 2 && method.hedging_policy->max_attempts <= 10, "maxAttempts is from 2 to 10");
    RequireSoundDuration(method.hedging_policy->hedging_delay);
  }
}

void RequireSoundBulkhead(const ServiceConfig& config, const BulkheadConfig& bulkhead) {
  Require(!bulkhead.name.empty() && bulkhead.name != "default", "a bulkhead has a name of its own");
  Require(!bulkhead.methods.empty(), "a bulkhead has methods");
  for (const MethodName& name : bulkhead.methods) {
    if (name.method.empty()) continue;
    Require(config.FindBulkhead(name.service, name.method) == &bulkhead, "a bulkhead is found by its methods", name.method);
  }
  Require(bulkhead.channels >= 1 && bulkhead.channels <= bulkhead.max_channels && bulkhead.max_channels <= 64,
          "channels are from 1 to maxChannels, and that to 64");
  Require(!bulkhead.max_concurrent_calls || *bulkhead.max_concurrent_calls >= 1, "maxConcurrentCalls is at least 1");
  Require(!bulkhead.max_concurrent_calls || !bulkhead.adaptive_limit, "one limit at most");
  RequireSoundDuration(bulkhead.max_wait);
  if (const auto& limit = bulkhead.adaptive_limit) {
    Require(1 <= limit->minimum && limit->minimum <= limit->initial && limit->initial <= limit->maximum,
            "minLimit <= initialLimit <= maxLimit");
  }
}

}  // namespace

void Feed(std::string_view bytes) {
  const absl::StatusOr<ServiceConfig> config = ServiceConfig::Parse(bytes);
  if (!config.ok()) return RequireSoundRefusal(config.status(), bytes);

  Require(nlohmann::json::accept(bytes), "only JSON is accepted", bytes);
  for (const MethodConfig& method : config->methods) RequireSoundMethod(*config, method);
  for (const BulkheadConfig& bulkhead : config->bulkheads) RequireSoundBulkhead(*config, bulkhead);
  const absl::Status values = internal::CheckValues(*config);
  Require(values.ok(), "what a file says a program may say", values.ToString());
  Require(config->dns_refresh >= std::chrono::milliseconds(100), "dnsRefresh is at least 100 ms");
  for (const std::string& line : Advise(*config)) {
    RequireReadable(line);
    Require(line.find(": ") != std::string::npos, "advice is given with a path", line);
  }

  const absl::StatusOr<ServiceConfig> channel = ServiceConfig::Parse(config->channel_json);
  Require(channel.ok(), "what is left for the channel is a config", channel.status().ToString());
  Require(channel->channel_json == config->channel_json, "what is left for the channel is left as it is", config->channel_json);
  Require(channel->bulkheads.empty() && !channel->retry_throttling, "nothing of ours is left for the channel",
          config->channel_json);
}

}  // namespace userclient::fuzz
