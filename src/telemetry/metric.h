#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace userclient::internal {

/// One metric, in the words of OpenTelemetry.
struct Metric {
  enum class Kind { kCounter, kGauge, kHistogram };

  std::string_view name;
  Kind kind = Kind::kCounter;
  /// UCUM: "s", or a note such as "{call}".
  std::string_view unit;
  std::string_view description;
};

// Calls and attempts, by the names of gRFC A66 and A96. Transparent retries, and the sizes of messages on the wire, gRPC tells
// nobody but its own plugins.
inline constexpr Metric kCallDuration = {"grpc.client.call.duration", Metric::Kind::kHistogram, "s",
                                         "Time from the start of a call until the application has its status"};
inline constexpr Metric kAttemptStarted = {"grpc.client.attempt.started", Metric::Kind::kCounter, "{attempt}",
                                           "Attempts started, those that have not ended included"};
inline constexpr Metric kAttemptDuration = {"grpc.client.attempt.duration", Metric::Kind::kHistogram, "s",
                                            "Time from the start of an attempt to its end"};
inline constexpr Metric kCallRetries = {"grpc.client.call.retries", Metric::Kind::kHistogram, "{retry}",
                                        "Retries of a call, of calls that had any"};
inline constexpr Metric kCallHedges = {"grpc.client.call.hedges", Metric::Kind::kHistogram, "{hedge}",
                                       "Hedges of a call, of calls that had any"};
inline constexpr Metric kCallRetryDelay = {"grpc.client.call.retry_delay", Metric::Kind::kHistogram, "s",
                                           "Time of a call without an attempt under way, of calls that had several attempts"};

// What gRPC has no word for.
inline constexpr Metric kAttempts = {"userclient.attempts", Metric::Kind::kCounter, "{attempt}",
                                     "Attempts started, by the reason for which they were made"};
inline constexpr Metric kRejections = {"userclient.rejections", Metric::Kind::kCounter, "{call}",
                                       "Calls that the client itself refused, by the reason"};
inline constexpr Metric kStandIns = {"userclient.stand_ins", Metric::Kind::kCounter, "{call}",
                                     "Calls whose answer was not the server's answer to them, by where it came from"};
inline constexpr Metric kCircuitChanges = {"userclient.circuit.changes", Metric::Kind::kCounter, "{change}",
                                           "Changes of state of circuit breakers"};
inline constexpr Metric kEvents = {"userclient.events", Metric::Kind::kCounter, "{event}",
                                   "What clients noticed between calls: configs, credentials, endpoints, channels"};

// What a client is like at the moment.
inline constexpr Metric kCircuitState = {"userclient.circuit.state", Metric::Kind::kGauge, "{breaker}",
                                         "Circuit breakers in this state: 1 or 0 for a client"};
inline constexpr Metric kCircuitCalls = {"userclient.circuit.calls", Metric::Kind::kGauge, "{call}",
                                         "Calls in the window of a circuit breaker"};
inline constexpr Metric kCircuitSlowCalls = {"userclient.circuit.slow_calls", Metric::Kind::kGauge, "{call}",
                                             "Slow calls in the window of a circuit breaker"};
inline constexpr Metric kCircuitFailureRatio = {"userclient.circuit.failure_ratio", Metric::Kind::kGauge, "1",
                                                "Failures among the calls in the window of a circuit breaker"};
inline constexpr Metric kCompartmentLimit = {"userclient.compartment.limit", Metric::Kind::kGauge, "{call}",
                                             "Seats of a compartment"};
inline constexpr Metric kCompartmentInUse = {"userclient.compartment.in_use", Metric::Kind::kGauge, "{call}",
                                             "Seats taken; without a limit, attempts under way"};
inline constexpr Metric kCompartmentWaiting = {"userclient.compartment.waiting", Metric::Kind::kGauge, "{call}",
                                               "Calls in line for a seat"};
inline constexpr Metric kChannels = {"userclient.channels", Metric::Kind::kGauge, "{channel}", "Channels in this state"};
inline constexpr Metric kEndpoints = {"userclient.endpoints", Metric::Kind::kGauge, "{address}",
                                      "Addresses that the name of the target has"};
inline constexpr Metric kEndpointsAge = {"userclient.endpoints.age", Metric::Kind::kGauge, "s",
                                         "Time since the name of the target was last looked up with success"};
inline constexpr Metric kConfigVersion = {"userclient.config.version", Metric::Kind::kGauge, "{version}",
                                          "Version of the service config: 1, and one more with every reload"};
inline constexpr Metric kRetryTokens = {"userclient.retry_tokens", Metric::Kind::kGauge, "{token}",
                                        "Tokens left for retries (retryThrottling)"};
inline constexpr Metric kRetryTokensMax = {"userclient.retry_tokens.max", Metric::Kind::kGauge, "{token}",
                                           "Tokens that there can be; with half of them or less nothing is retried"};
inline constexpr Metric kCallsInFlight = {"userclient.calls.in_flight", Metric::Kind::kGauge, "{call}",
                                          "Calls and streams that have begun and not ended"};

// Labels. What they can hold is bounded.
inline constexpr std::string_view kMethodLabel = "grpc.method";
inline constexpr std::string_view kTargetLabel = "grpc.target";
inline constexpr std::string_view kStatusLabel = "grpc.status";
inline constexpr std::string_view kCompartmentLabel = "userclient.compartment";
inline constexpr std::string_view kReasonLabel = "userclient.reason";
inline constexpr std::string_view kRejectionLabel = "userclient.rejection";
inline constexpr std::string_view kSourceLabel = "userclient.source";
inline constexpr std::string_view kStateLabel = "userclient.state";
inline constexpr std::string_view kCauseLabel = "userclient.cause";
inline constexpr std::string_view kOutcomeLabel = "userclient.outcome";
inline constexpr std::string_view kConnectivityLabel = "userclient.connectivity";
inline constexpr std::string_view kEventLabel = "userclient.event";
inline constexpr std::string_view kLabels[] = {kMethodLabel, kTargetLabel,    kStatusLabel,       kCompartmentLabel,
                                               kReasonLabel, kRejectionLabel, kSourceLabel,       kStateLabel,
                                               kCauseLabel,  kOutcomeLabel,   kConnectivityLabel, kEventLabel};

/// Bounds of buckets: of durations, in seconds (gRFC A66), and of retries and hedges (A96).
const std::vector<double>& LatencyBuckets();
const std::vector<double>& RetryBuckets();

/// "UNAVAILABLE"; for a code that gRPC does not know, "UNKNOWN".
std::string_view StatusLabel(int code);
/// One more than the largest code of a status.
inline constexpr int kStatusCodes = 17;

/// Whether it is UTF-8, as values of labels must be: Prometheus refuses a whole scrape over one that is not.
bool CanBeLabelValue(std::string_view text);

/// With its scheme, as gRFC A66 wants it: "dns:///users:50051".
std::string CanonicalTarget(std::string_view target);

}  // namespace userclient::internal
