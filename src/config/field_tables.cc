#include "config/field_tables.h"

namespace userclient::internal {
namespace {

using enum FieldType;

constexpr double kMostAttempts = 10;
constexpr double kMostMessageBytes = 4294967295;  // a UInt32Value in the standard
constexpr double kMostCalls = 2147483647;
// What ConcurrencyLimiter can count, rounded to what a person would write.
constexpr double kMostSeats = 1'000'000;
constexpr double kMostProbes = 16383;  // the breaker counts them in 14 bits
constexpr double kMostChannels = 64;
constexpr double kHighestAdaptiveLimit = 100000;
constexpr double kMostCacheBytes = 1099511627776;  // 1 TiB

constexpr std::string_view kAlgorithms[] = {kGradient, kAimd};

constexpr FieldSpec kMethodNameFields[] = {
    {.key = "service", .type = kString},
    {.key = "method", .type = kString},
};

constexpr FieldSpec kRetryPolicyFields[] = {
    {.key = "maxAttempts", .type = kInteger, .required = true, .at_least = 2, .at_most = kMostAttempts},
    {.key = "initialBackoff", .type = kDuration, .required = true, .above = 0},
    {.key = "maxBackoff", .type = kDuration, .required = true, .above = 0},
    {.key = "backoffMultiplier", .type = kNumber, .required = true, .above = 0},
    {.key = "perAttemptRecvTimeout", .type = kDuration, .above = 0},
    {.key = "retryableStatusCodes", .type = kStatusCodes, .required = true},
};

constexpr FieldSpec kHedgingPolicyFields[] = {
    {.key = "maxAttempts", .type = kInteger, .required = true, .at_least = 2, .at_most = kMostAttempts},
    {.key = "hedgingDelay", .type = kDuration},
    {.key = "nonFatalStatusCodes", .type = kStatusCodes, .may_be_empty = true},
};

constexpr FieldSpec kMethodConfigFields[] = {
    {.key = "name", .type = kObjectList, .required = true, .object = &kMethodNameSpec},
    {.key = "waitForReady", .type = kBool},
    {.key = "timeout", .type = kDuration, .above = 0},
    {.key = "maxRequestMessageBytes", .type = kInteger, .at_least = 0, .at_most = kMostMessageBytes},
    {.key = "maxResponseMessageBytes", .type = kInteger, .at_least = 0, .at_most = kMostMessageBytes},
    {.key = "retryPolicy", .type = kObject, .object = &kRetryPolicySpec},
    {.key = "hedgingPolicy", .type = kObject, .object = &kHedgingPolicySpec},
};

constexpr FieldSpec kRetryThrottlingFields[] = {
    {.key = "maxTokens", .type = kInteger, .required = true, .at_least = 1, .at_most = 1000},
    {.key = "tokenRatio", .type = kNumber, .required = true, .above = 0, .at_most = 1000},
};

constexpr FieldSpec kHealthCheckConfigFields[] = {
    {.key = "serviceName", .type = kString},
};

constexpr FieldSpec kCircuitBreakerFields[] = {
    {.key = "window", .type = kDuration, .at_least = 0.1},
    {.key = "minimumCalls", .type = kInteger, .at_least = 1, .at_most = kMostCalls},
    {.key = "failureRatio", .type = kNumber, .above = 0, .at_most = 1},
    {.key = "openDuration", .type = kDuration, .above = 0},
    {.key = "maxOpenDuration", .type = kDuration, .above = 0},
    {.key = "halfOpenProbes", .type = kInteger, .at_least = 1, .at_most = kMostProbes},
    {.key = "maxProbesInFlight", .type = kInteger, .at_least = 1, .at_most = kMostProbes},
    {.key = "maxHalfOpen", .type = kDuration, .above = 0},
    {.key = "healthyAfter", .type = kDuration, .above = 0},
    {.key = "consecutiveFailures", .type = kInteger, .at_least = 1, .at_most = kMostCalls},
    {.key = "slowCallDuration", .type = kDuration, .above = 0},
    {.key = "slowCallRatio", .type = kNumber, .above = 0, .at_most = 1},
};

constexpr FieldSpec kAdaptiveLimitFields[] = {
    {.key = "algorithm", .type = kChoice, .choices = kAlgorithms},
    {.key = "initialLimit", .type = kInteger, .at_least = 1, .at_most = kHighestAdaptiveLimit},
    {.key = "minLimit", .type = kInteger, .at_least = 1, .at_most = kHighestAdaptiveLimit},
    {.key = "maxLimit", .type = kInteger, .at_least = 1, .at_most = kHighestAdaptiveLimit},
    {.key = "window", .type = kDuration, .at_least = 0.1},
    {.key = "minimumSamples", .type = kInteger, .at_least = 1, .at_most = kMostCalls},
    {.key = "dropRatio", .type = kNumber, .above = 0, .at_most = 1},
    {.key = "timeout", .type = kDuration, .above = 0},
    {.key = "remeasureEvery", .type = kDuration, .above = 0},
};

constexpr FieldSpec kBulkheadFields[] = {
    {.key = "name", .type = kString, .required = true},
    {.key = "methods", .type = kObjectList, .required = true, .object = &kMethodNameSpec},
    {.key = "channels", .type = kInteger, .at_least = 1, .at_most = kMostChannels},
    {.key = "maxChannels", .type = kInteger, .at_least = 1, .at_most = kMostChannels},
    {.key = "maxConcurrentCalls", .type = kInteger, .at_least = 1, .at_most = kMostSeats},
    {.key = "adaptiveLimit", .type = kObject, .object = &kAdaptiveLimitSpec},
    {.key = "maxWait", .type = kDuration},
    {.key = "circuitBreaker", .type = kObject, .object = &kCircuitBreakerSpec},
};

constexpr FieldSpec kStaleIfErrorFields[] = {
    {.key = "maxAge", .type = kDuration, .above = 0},
    {.key = "maxBytes", .type = kInteger, .at_least = 1024, .at_most = kMostCacheBytes},
};

constexpr FieldSpec kMethodExtrasFields[] = {
    {.key = "name", .type = kObjectList, .required = true, .object = &kMethodNameSpec},
    {.key = "hedgingDelayPercentile", .type = kNumber, .above = 0, .below = 1},
    {.key = "staleIfError", .type = kObject, .object = &kStaleIfErrorSpec},
    {.key = "singleFlight", .type = kBool},
};

constexpr FieldSpec kUserclientFields[] = {
    {.key = "dnsRefresh", .type = kDuration, .at_least = 0.1},
    {.key = "bulkheads", .type = kObjectList, .may_be_empty = true, .object = &kBulkheadSpec},
    {.key = "methods", .type = kObjectList, .may_be_empty = true, .object = &kMethodExtrasSpec},
};

constexpr FieldSpec kServiceConfigFields[] = {
    {.key = "$schema", .type = kString},
    {.key = "loadBalancingPolicy", .type = kString},
    {.key = "loadBalancingConfig", .type = kLoadBalancingConfig},
    {.key = "methodConfig", .type = kObjectList, .may_be_empty = true, .object = &kMethodConfigSpec},
    {.key = "retryThrottling", .type = kObject, .object = &kRetryThrottlingSpec},
    {.key = "healthCheckConfig", .type = kObject, .object = &kHealthCheckConfigSpec},
    {.key = "userclient", .type = kObject, .object = &kUserclientSpec},
};

}  // namespace

constinit const ObjectSpec kMethodNameSpec = {"methodName", kMethodNameFields};
constinit const ObjectSpec kRetryPolicySpec = {"retryPolicy", kRetryPolicyFields};
constinit const ObjectSpec kHedgingPolicySpec = {"hedgingPolicy", kHedgingPolicyFields};
constinit const ObjectSpec kMethodConfigSpec = {"methodConfig", kMethodConfigFields};
constinit const ObjectSpec kRetryThrottlingSpec = {"retryThrottling", kRetryThrottlingFields};
constinit const ObjectSpec kHealthCheckConfigSpec = {"healthCheckConfig", kHealthCheckConfigFields};
constinit const ObjectSpec kCircuitBreakerSpec = {"circuitBreaker", kCircuitBreakerFields};
constinit const ObjectSpec kAdaptiveLimitSpec = {"adaptiveLimit", kAdaptiveLimitFields};
constinit const ObjectSpec kBulkheadSpec = {"bulkhead", kBulkheadFields};
constinit const ObjectSpec kStaleIfErrorSpec = {"staleIfError", kStaleIfErrorFields};
constinit const ObjectSpec kMethodExtrasSpec = {"methodExtras", kMethodExtrasFields};
constinit const ObjectSpec kUserclientSpec = {"userclient", kUserclientFields};
constinit const ObjectSpec kServiceConfigSpec = {"serviceConfig", kServiceConfigFields};

}  // namespace userclient::internal
