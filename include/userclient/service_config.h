#pragma once

/// The service config: one JSON file that says how every method of a service is called.
///
///   absl::StatusOr<userclient::ServiceConfig> config = userclient::ServiceConfig::Load("service_config/production.json");
///   if (!config.ok()) std::cerr << config.status().message();   // names the file, the place and what to do, for every mistake
///
/// The file is the standard gRPC service config plus one key, `userclient`, for what the standard has no word for:
///
///       production.json ──parse──► methods, extras, retry_throttling, bulkheads        executed by userclient
///                          └─────► channel_json                                        handed to gRPC's channel
///
/// Reading is strict: an unknown or repeated key, a wrong type or an impossible value is an error with its path
/// (`methodConfig[0].retryPolicy.maxAttempts: must be at least 2`); nothing is ignored, nothing clamped. All mistakes of a file
/// are reported at once. Every field is explained in docs/service_config.md.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "userclient/status_code_set.h"

namespace userclient {

/// Which methods an entry speaks of, as in the standard: both names, or a service with an empty method (all its methods),
/// or both empty (every method of every service). The more exact name wins.
struct MethodName {
  std::string service{};
  std::string method{};

  friend bool operator==(const MethodName&, const MethodName&) = default;
};

/// `retryPolicy` (gRFC A6).
struct RetryPolicy {
  /// Attempts in all, the first one included: 2 to 10. (gRPC's own retries stop at 5.)
  int max_attempts = 2;
  /// The n-th retry waits min(initial_backoff * backoff_multiplier^(n-1), max_backoff), times a random factor from 0.8 to 1.2.
  std::chrono::nanoseconds initial_backoff{};
  std::chrono::nanoseconds max_backoff{};
  double backoff_multiplier = 2;
  /// How long one attempt may take. Absent: as long as the call.
  std::optional<std::chrono::nanoseconds> per_attempt_recv_timeout{};
  /// Never empty.
  StatusCodeSet retryable_status_codes{};
};

/// `hedgingPolicy` (gRFC A6). Only for methods without side effects.
struct HedgingPolicy {
  /// Attempts in all, the first one included: 2 to 10.
  int max_attempts = 2;
  /// Between one attempt and the next; zero sends all at once.
  std::chrono::nanoseconds hedging_delay{};
  /// A status that only sends the next attempt at once. Any other failure ends the call. May be empty.
  StatusCodeSet non_fatal_status_codes{};
};

/// One entry of `methodConfig`.
struct MethodConfig {
  /// Never empty. No name stands in two entries.
  std::vector<MethodName> names{};
  /// For the whole call, over all attempts. Absent: the client's default.
  std::optional<std::chrono::nanoseconds> timeout{};
  /// At most one of the two.
  std::optional<RetryPolicy> retry_policy{};
  std::optional<HedgingPolicy> hedging_policy{};
};

/// `retryThrottling` (gRFC A6): retries stop while the tokens are at or below half of max_tokens.
struct RetryThrottling {
  /// 1 to 1000.
  int max_tokens = 100;
  /// Tokens that one success gives back, in thousandths: 1 to 1,000,000. (The file says 0.1 and may use three decimals.) That of
  /// the example in A6; the shipped files have 500.
  int milli_token_ratio = 100;

  friend bool operator==(const RetryThrottling&, const RetryThrottling&) = default;
};

/// `circuitBreaker` of a bulkhead (circuit_breaker.h).
struct CircuitBreakerOptions {
  /// The span of time over which failures are counted. At least 100 ms.
  std::chrono::nanoseconds window = std::chrono::seconds(10);
  /// Fewer calls than this in the window never open it by a ratio. At least 1.
  int minimum_calls = 20;
  /// Opens when failures / calls reaches this. Above 0, up to 1.
  double failure_ratio = 0.5;
  /// How long it stays open the first time; doubles each time it opens again before it was healthy (healthy_after), up to
  /// max_open_duration.
  std::chrono::nanoseconds open_duration = std::chrono::seconds(5);
  std::chrono::nanoseconds max_open_duration = std::chrono::seconds(60);
  /// So many probes in a row must succeed to close it. At least 1.
  int half_open_probes = 3;
  /// Half-open, so many probes may be under way at the same time. At least 1.
  int max_probes_in_flight = 1;
  /// Half-open, this long is waited for the probes under way before they count as failed. More than 0.
  std::chrono::nanoseconds max_half_open = std::chrono::seconds(10);
  /// Closed for this long, it is healthy again: the next time it opens for open_duration, not for longer.
  std::chrono::nanoseconds healthy_after = std::chrono::seconds(60);
  /// Opens when so many calls fail one after the other, however few they are. At least 1. Absent: only the ratios open it.
  std::optional<int> consecutive_failures{};
  /// A call that takes this long or longer is slow. Absent: no call is.
  std::optional<std::chrono::nanoseconds> slow_call_duration{};
  /// Opens when slow calls / calls reaches this. Above 0, up to 1.
  double slow_call_ratio = 1;

  friend bool operator==(const CircuitBreakerOptions&, const CircuitBreakerOptions&) = default;
};

/// `adaptiveLimit` of a bulkhead: finds the limit on calls in flight by itself, from how the round trips change. The numbers are
/// those of Netflix concurrency-limits, but for the minimum, whose 20 there is too many for a small service.
struct AdaptiveLimitOptions {
  enum class Algorithm {
    /// Follows the ratio of the usual round trip to the present one (Gradient2).
    kGradient,
    /// One more after a window that used half of the limit, a tenth less after one with drops, as TCP does.
    kAimd,
  };
  Algorithm algorithm = Algorithm::kGradient;
  /// 1 <= minimum <= initial <= maximum.
  int initial = 20;
  int minimum = 4;
  int maximum = 200;
  /// The limit moves once in this time at most, and only after minimum_samples calls.
  std::chrono::nanoseconds window = std::chrono::seconds(1);
  int minimum_samples = 10;
  /// A round trip shorter than this is no work of the service.
  std::chrono::nanoseconds shortest_round_trip = std::chrono::microseconds(100);
  /// So many of the calls must be dropped for it to count; a stray timeout in thousands of calls is no overload.
  double drop_ratio = 0.01;
  /// kAimd: a window whose round trips take longer on average counts as one with a drop.
  std::chrono::nanoseconds timeout = std::chrono::seconds(5);
  /// kGradient: every so often the limit goes down to the minimum for two windows, to measure the service without a queue. Costs
  /// refused calls, hence absent: never. More than window. (Envoy's minRTT window.)
  std::optional<std::chrono::nanoseconds> remeasure_every{};

  friend bool operator==(const AdaptiveLimitOptions&, const AdaptiveLimitOptions&) = default;
};

/// One entry of `userclient.bulkheads`: a named compartment with its own connections and its own limits.
struct BulkheadConfig {
  /// Unique; letters, digits, '_' and '-'; not "default", the compartment of the methods that no bulkhead claims.
  std::string name{};
  /// Never empty. No name stands in two bulkheads.
  std::vector<MethodName> methods{};
  /// Channels, each with connections of its own. 1 to 64.
  int channels = 1;
  /// One more channel is opened when every one has 70 calls in flight, up to so many. channels to 64.
  int max_channels = 1;
  /// Calls in flight. At least 1. Absent: no limit, unless there is an adaptive_limit.
  std::optional<int> max_concurrent_calls{};
  /// How long a call may wait for a seat when the compartment is full; zero refuses at once.
  std::chrono::nanoseconds max_wait{};
  std::optional<CircuitBreakerOptions> circuit_breaker{};
  /// Instead of max_concurrent_calls.
  std::optional<AdaptiveLimitOptions> adaptive_limit{};

  friend bool operator==(const BulkheadConfig&, const BulkheadConfig&) = default;
};

/// `staleIfError` of a method: the last good answer to the same request stands in when the service cannot give one.
struct StaleIfErrorOptions {
  /// No answer older than this is given. More than 0.
  std::chrono::nanoseconds max_age = std::chrono::minutes(5);
  /// What the kept answers of the method may take, keys included. At least 1 KiB.
  int64_t max_bytes = 16 << 20;

  friend bool operator==(const StaleIfErrorOptions&, const StaleIfErrorOptions&) = default;
};

/// One entry of `userclient.methods`: what the standard's methodConfig has no word for.
struct MethodExtras {
  /// Never empty. No name stands in two entries.
  std::vector<MethodName> names{};
  /// With a hedgingPolicy: the next attempt is sent when the call has taken longer than this share of the calls of late (0.95:
  /// the slowest twentieth), and hedgingDelay is only its upper bound. Above 0, below 1.
  std::optional<double> hedging_delay_percentile{};
  /// Only for methods without side effects.
  std::optional<StaleIfErrorOptions> stale_if_error{};
  /// Identical requests that are under way at the same time are sent once. Only for methods without side effects.
  bool single_flight = false;
};

/// A whole service config, read and checked. A plain value.
struct ServiceConfig {
  /// Reads a config from text. *Errors:* INVALID_ARGUMENT naming every mistake by its path (or, for text that is not JSON,
  /// by line and column).
  static absl::StatusOr<ServiceConfig> Parse(std::string_view json);

  /// Reads a config from a file. *Errors:* as Parse, with the file's name before it; NOT_FOUND, PERMISSION_DENIED,
  /// RESOURCE_EXHAUSTED or UNKNOWN if the file cannot be read.
  static absl::StatusOr<ServiceConfig> Load(const std::filesystem::path& file);

  /// The config that is built in (service_config/default.json), made for user.v1.UserService.
  static const ServiceConfig& Default();

  /// The entry that applies to a method: by exact name, else by service, else the one for everything; nullptr if none does.
  const MethodConfig* FindMethod(std::string_view service, std::string_view method) const;

  /// The compartment of a method, found the same way; nullptr if none claims it.
  const BulkheadConfig* FindBulkhead(std::string_view service, std::string_view method) const;

  /// What stands under `userclient.methods` for a method, found the same way; nullptr if nothing does.
  const MethodExtras* FindExtras(std::string_view service, std::string_view method) const;

  std::vector<MethodConfig> methods{};
  std::vector<MethodExtras> extras{};
  std::optional<RetryThrottling> retry_throttling{};
  std::vector<BulkheadConfig> bulkheads{};
  /// How often the name of a `dns:` target is looked up again, give or take a fifth. At least 100 ms.
  std::chrono::nanoseconds dns_refresh = std::chrono::seconds(5);

  /// What is left for gRPC's channel: the file without everything that userclient executes itself. Not checked against the load
  /// balancing policies that the linked gRPC knows.
  std::string channel_json = "{}";
};

/// What is legal in a config, but rarely meant: one line each, with its path. Empty if nothing strikes.
///
///   retryThrottling: is not set: when every server fails, retries multiply the load; {"maxTokens": 100, "tokenRatio": 0.5}
///   limits them
std::vector<std::string> Advise(const ServiceConfig& config);

}  // namespace userclient
