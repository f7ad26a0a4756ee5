/// Every rule of the service config, broken once: the file, and the whole of the error.

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "tests/config/test_name.h"
#include "userclient/service_config.h"

namespace userclient {
namespace {

struct Refusal {
  std::string json;
  std::string error;

  // Also in the names that ctest shows: nothing but letters.
  friend void PrintTo(const Refusal& tested, std::ostream* out) { *out << TestName(tested.error, tested.error.size()); }
};

// A config with one entry for everything, with `fields` added.
std::string Method(std::string_view fields) { return R"({"methodConfig": [{"name": [{}], )" + std::string(fields) + "}]}"; }

// A config with a good retryPolicy in which `from` is replaced.
std::string Retry(std::string_view from, std::string_view to) {
  std::string policy =
      R"("maxAttempts": 3, "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"])";
  policy.replace(policy.find(from), from.size(), to);
  return Method(R"("retryPolicy": {)" + policy + "}");
}

std::string Hedging(std::string_view fields) { return Method(R"("hedgingPolicy": {)" + std::string(fields) + "}"); }

std::string Names(std::string_view names) { return R"({"methodConfig": [{"name": )" + std::string(names) + "}]}"; }

std::string Userclient(std::string_view fields) { return R"({"userclient": {)" + std::string(fields) + "}}"; }

std::string Bulkhead(std::string_view fields) {
  return Userclient(R"("bulkheads": [{"name": "a", "methods": [{}], )" + std::string(fields) + "}]");
}

std::string Breaker(std::string_view fields) { return Bulkhead(R"("circuitBreaker": {)" + std::string(fields) + "}"); }

std::string Adaptive(std::string_view fields) { return Bulkhead(R"("adaptiveLimit": {)" + std::string(fields) + "}"); }

std::string Extras(std::string_view fields) { return Userclient(R"("methods": [{"name": [{}], )" + std::string(fields) + "}]"); }

constexpr auto kNamedByError = [](const auto& tested) { return TestName(tested.param.error, tested.index); };

class RefusalTest : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusalTest, SaysWhereAndWhy) {
  const absl::StatusOr<ServiceConfig> config = ServiceConfig::Parse(GetParam().json);

  EXPECT_EQ(config.status(), absl::InvalidArgumentError(GetParam().error)) << GetParam().json;
}

INSTANTIATE_TEST_SUITE_P(
    TopLevel, RefusalTest,
    ::testing::Values(
        Refusal{"[]", "must be an object, not a list"}, Refusal{"null", "must be an object, not null"},
        Refusal{R"("text")", R"(must be an object, not "text")"},
        Refusal{R"({"methodConfigs": []})", "methodConfigs: unknown key; did you mean methodConfig?"},
        Refusal{R"({"zzz": 1})", "zzz: unknown key"}, Refusal{R"({"": 1})", R"([""]: unknown key)"},
        Refusal{R"({"a.b": 1})", R"(["a.b"]: unknown key)"}, Refusal{R"({"\n": 1})", R"(["\n"]: unknown key)"},
        Refusal{R"({"$schema": 1})", "$schema: must be a string, not 1"},
        Refusal{R"({"loadBalancingPolicy": []})", "loadBalancingPolicy: must be a string, not a list"},
        Refusal{R"({"loadBalancingConfig": {"round_robin": {}}})", "loadBalancingConfig: must be a list, not an object"},
        Refusal{R"({"loadBalancingConfig": []})", "loadBalancingConfig: must not be empty"},
        Refusal{R"({"loadBalancingConfig": ["round_robin"]})",
                R"(loadBalancingConfig[0]: must be an object such as {"round_robin": {}}, not "round_robin")"},
        Refusal{R"({"loadBalancingConfig": [{"round_robin": {}}, {}]})",
                "loadBalancingConfig[1]: must have one key, the name of the policy, not 0"},
        Refusal{R"({"loadBalancingConfig": [{"a": {}, "b": {}}]})",
                "loadBalancingConfig[0]: must have one key, the name of the policy, not 2"},
        Refusal{R"({"loadBalancingConfig": [{"round_robin": null}]})",
                "loadBalancingConfig[0].round_robin: must be an object, not null"},
        Refusal{R"({"loadBalancingConfig": [{"ring_hash_experimental": {}}]})",
                "loadBalancingConfig[0].ring_hash_experimental: works under xDS alone; use round_robin, or an xds: target"},
        Refusal{R"({"loadBalancingConfig": [{"round_robin": {}}, {"cds_experimental": {"cluster": "x"}}]})",
                "loadBalancingConfig[1].cds_experimental: works under xDS alone; use round_robin, or an xds: target"},
        Refusal{
            R"({"loadBalancingConfig": [{"outlier_detection_experimental": {"childPolicy": [{"priority_experimental": {}}]}}]})",
            "loadBalancingConfig[0].outlier_detection_experimental.childPolicy[0].priority_experimental: works under xDS "
            "alone; use round_robin, or an xds: target"},
        Refusal{
            R"({"loadBalancingConfig": [{"outlier_detection_experimental": {"interval": "0.009999999s"}}]})",
            "loadBalancingConfig[0].outlier_detection_experimental.interval: must be at least 0.01s, or gRPC would do nothing "
            "else"},
        Refusal{R"({"healthCheckConfig": "s.S"})", R"(healthCheckConfig: must be an object, not "s.S")"},
        Refusal{R"({"healthCheckConfig": {"service": "s.S"}})", "healthCheckConfig.service: unknown key"},
        Refusal{R"({"healthCheckConfig": {"servicename": "s.S"}})",
                "healthCheckConfig.servicename: unknown key; did you mean serviceName?"},
        Refusal{R"({"healthCheckConfig": {"serviceName": true}})", "healthCheckConfig.serviceName: must be a string, not true"},
        Refusal{R"({"methodConfig": {}})", "methodConfig: must be a list, not an object"},
        Refusal{R"({"methodConfig": [3]})", "methodConfig[0]: must be an object, not 3"},
        Refusal{R"({"retryThrottling": []})", "retryThrottling: must be an object, not a list"},
        Refusal{R"({"userclient": 1})", "userclient: must be an object, not 1"}),
    kNamedByError);

INSTANTIATE_TEST_SUITE_P(
    MethodNames, RefusalTest,
    ::testing::Values(
        Refusal{R"({"methodConfig": [{"timeout": "1s"}]})", "methodConfig[0].name: is missing"},
        Refusal{Names("[]"), "methodConfig[0].name: must not be empty"},
        Refusal{Names(R"("s.S/A")"), R"(methodConfig[0].name: must be a list, not "s.S/A")"},
        Refusal{Names(R"(["s.S/A"])"), R"(methodConfig[0].name[0]: must be an object, not "s.S/A")"},
        Refusal{Names(R"([{"service": "s.S"}, {"method": "A"}])"),
                R"(methodConfig[0].name[1]: names the method "A" without its service)"},
        Refusal{Names(R"([{"service": "", "method": "A"}])"),
                R"(methodConfig[0].name[0]: names the method "A" without its service)"},
        Refusal{Names(R"([{"service": "s.S", "methods": "A"}])"),
                "methodConfig[0].name[0].methods: unknown key; did you mean method?"},
        Refusal{Names(R"([{"service": 1, "method": "A"}])"), "methodConfig[0].name[0].service: must be a string, not 1"},
        Refusal{Names(R"([{"service": "s.S", "method": null}])"), "methodConfig[0].name[0].method: must be a string, not null"},
        Refusal{Names(R"([{"service": "/s.S"}])"),
                R"(methodConfig[0].name[0].service: must be a full name such as "user.v1.UserService", not "/s.S")"},
        Refusal{Names(R"([{"service": "s.S", "method": "A "}])"),
                R"(methodConfig[0].name[0].method: must be a name such as "GetUser", not "A ")"},
        Refusal{Names(R"([{"service": "s.S", "method": "A"}, {"service": "s.S", "method": "A"}])"),
                "methodConfig[0].name[1]: s.S/A already stands at methodConfig[0].name[0]"},
        Refusal{
            R"({"methodConfig": [{"name": [{"service": "s.S"}]}, {"name": [{"service": "s.T"}, {"service": "s.S", "method": ""}]}]})",
            "methodConfig[1].name[1]: every method of s.S already stands at methodConfig[0].name[0]"},
        Refusal{R"({"methodConfig": [{"name": [{}]}, {"name": [{"service": ""}]}]})",
                "methodConfig[1].name[0]: every method already stands at methodConfig[0].name[0]"}),
    kNamedByError);

INSTANTIATE_TEST_SUITE_P(
    MethodConfig, RefusalTest,
    ::testing::Values(
        Refusal{Method(R"("retryPolcy": {})"), "methodConfig[0].retryPolcy: unknown key; did you mean retryPolicy?"},
        Refusal{Method(R"("waitForReady": "true")"), R"(methodConfig[0].waitForReady: must be true or false, not "true")"},
        Refusal{Method(R"("timeout": null)"), R"(methodConfig[0].timeout: must be a duration such as "0.5s", not null)"},
        Refusal{Method(R"("timeout": 2)"), R"(methodConfig[0].timeout: must be a duration such as "0.5s", not 2; write "2s")"},
        Refusal{Method(R"("timeout": -2)"), R"(methodConfig[0].timeout: must be a duration such as "0.5s", not -2)"},
        Refusal{Method(R"("timeout": "100ms")"), R"(methodConfig[0].timeout: must be a duration, not "100ms"; write "0.1s")"},
        Refusal{Method(R"("timeout": "0s")"), "methodConfig[0].timeout: must be more than 0s"},
        Refusal{Method(R"("timeout": "-1s")"), R"(methodConfig[0].timeout: must not be negative, as "-1s" is)"},
        Refusal{Method(R"("maxRequestMessageBytes": "10")"),
                R"(methodConfig[0].maxRequestMessageBytes: must be an integer, not "10")"},
        Refusal{Method(R"("maxRequestMessageBytes": -1)"), "methodConfig[0].maxRequestMessageBytes: must be at least 0"},
        Refusal{Method(R"("maxRequestMessageBytes": 4294967296)"),
                "methodConfig[0].maxRequestMessageBytes: must be at most 4294967295"},
        Refusal{Method(R"("maxResponseMessageBytes": 1.5)"),
                "methodConfig[0].maxResponseMessageBytes: must be an integer, not 1.5"},
        Refusal{Method(R"("maxResponseMessageBytes": 18446744073709551615)"),
                "methodConfig[0].maxResponseMessageBytes: must be at most 4294967295"},
        Refusal{Method(R"("retryPolicy": [])"), "methodConfig[0].retryPolicy: must be an object, not a list"},
        Refusal{Method(R"("hedgingPolicy": null)"), "methodConfig[0].hedgingPolicy: must be an object, not null"},
        Refusal{Method(R"("hedgingPolicy": {"maxAttempts": 2},
                          "retryPolicy": {"maxAttempts": 2, "initialBackoff": "1s", "maxBackoff": "1s", "backoffMultiplier": 1,
                                          "retryableStatusCodes": ["ABORTED"]})"),
                "methodConfig[0]: has both retryPolicy and hedgingPolicy; keep one"}),
    kNamedByError);

INSTANTIATE_TEST_SUITE_P(
    RetryPolicy, RefusalTest,
    ::testing::Values(
        Refusal{Method(R"("retryPolicy": {})"),
                "5 problems:\n"
                "  methodConfig[0].retryPolicy.maxAttempts: is missing\n"
                "  methodConfig[0].retryPolicy.initialBackoff: is missing\n"
                "  methodConfig[0].retryPolicy.maxBackoff: is missing\n"
                "  methodConfig[0].retryPolicy.backoffMultiplier: is missing\n"
                "  methodConfig[0].retryPolicy.retryableStatusCodes: is missing"},
        Refusal{Retry("maxBackoff", "maxBackof"),
                "2 problems:\n"
                "  methodConfig[0].retryPolicy.maxBackof: unknown key; did you mean maxBackoff?\n"
                "  methodConfig[0].retryPolicy.maxBackoff: is missing"},
        Refusal{Retry("3", "1"), "methodConfig[0].retryPolicy.maxAttempts: must be at least 2"},
        Refusal{Retry("3", "11"), "methodConfig[0].retryPolicy.maxAttempts: must be at most 10"},
        Refusal{Retry("3", "-9223372036854775808"), "methodConfig[0].retryPolicy.maxAttempts: must be at least 2"},
        Refusal{Retry("3", "4.0"), "methodConfig[0].retryPolicy.maxAttempts: must be an integer, not 4.0"},
        Refusal{Retry("3", "\"3\""), R"(methodConfig[0].retryPolicy.maxAttempts: must be an integer, not "3")"},
        Refusal{Retry("0.1s", "0s"), "methodConfig[0].retryPolicy.initialBackoff: must be more than 0s"},
        Refusal{Retry("\"1s\"", "\"0.0s\""), "methodConfig[0].retryPolicy.maxBackoff: must be more than 0s"},
        Refusal{Retry("\"backoffMultiplier\": 2", "\"backoffMultiplier\": 0"),
                "methodConfig[0].retryPolicy.backoffMultiplier: must be more than 0"},
        Refusal{Retry("\"backoffMultiplier\": 2", "\"backoffMultiplier\": \"2\""),
                R"(methodConfig[0].retryPolicy.backoffMultiplier: must be a number, not "2")"},
        Refusal{Retry("\"maxAttempts\"", "\"perAttemptRecvTimeout\": \"0s\", \"maxAttempts\""),
                "methodConfig[0].retryPolicy.perAttemptRecvTimeout: must be more than 0s"},
        Refusal{Retry("[\"UNAVAILABLE\"]", "[]"), "methodConfig[0].retryPolicy.retryableStatusCodes: must not be empty"},
        Refusal{Retry("[\"UNAVAILABLE\"]", "\"UNAVAILABLE\""),
                R"(methodConfig[0].retryPolicy.retryableStatusCodes: must be a list, not "UNAVAILABLE")"},
        Refusal{Retry("[\"UNAVAILABLE\"]", "[\"OK\"]"),
                "methodConfig[0].retryPolicy.retryableStatusCodes[0]: must be a failure, and OK is none"},
        Refusal{
            Retry("[\"UNAVAILABLE\"]", "[\"unavailable\"]"),
            R"(methodConfig[0].retryPolicy.retryableStatusCodes[0]: unknown status code "unavailable"; did you mean UNAVAILABLE?)"},
        Refusal{Retry("[\"UNAVAILABLE\"]", "[\"TIRED\"]"),
                R"(methodConfig[0].retryPolicy.retryableStatusCodes[0]: unknown status code "TIRED")"},
        Refusal{
            Retry("[\"UNAVAILABLE\"]", "[14]"),
            R"(methodConfig[0].retryPolicy.retryableStatusCodes[0]: must be the name of a status code, not 14; write "UNAVAILABLE")"},
        Refusal{Retry("[\"UNAVAILABLE\"]", "[17]"),
                "methodConfig[0].retryPolicy.retryableStatusCodes[0]: must be the name of a status code, not 17"},
        Refusal{Retry("[\"UNAVAILABLE\"]", "[\"ABORTED\", \"UNAVAILABLE\", \"ABORTED\"]"),
                "methodConfig[0].retryPolicy.retryableStatusCodes[2]: ABORTED stands twice; keep one"}),
    kNamedByError);

INSTANTIATE_TEST_SUITE_P(
    HedgingPolicy, RefusalTest,
    ::testing::Values(Refusal{Hedging(""), "methodConfig[0].hedgingPolicy.maxAttempts: is missing"},
                      Refusal{Hedging(R"("maxAttempts": 1)"), "methodConfig[0].hedgingPolicy.maxAttempts: must be at least 2"},
                      Refusal{Hedging(R"("maxAttempts": 11)"), "methodConfig[0].hedgingPolicy.maxAttempts: must be at most 10"},
                      Refusal{Hedging(R"("maxAttempts": 2, "hedgingDelay": "-0.1s")"),
                              R"(methodConfig[0].hedgingPolicy.hedgingDelay: must not be negative, as "-0.1s" is)"},
                      Refusal{Hedging(R"("maxAttempts": 2, "nonFatalStatusCodes": ["OK"])"),
                              "methodConfig[0].hedgingPolicy.nonFatalStatusCodes[0]: must be a failure, and OK is none"},
                      Refusal{Hedging(R"("maxAttempts": 2, "delay": "1s")"), "methodConfig[0].hedgingPolicy.delay: unknown key"}),
    kNamedByError);

INSTANTIATE_TEST_SUITE_P(
    RetryThrottling, RefusalTest,
    ::testing::Values(
        Refusal{R"({"retryThrottling": {}})",
                "2 problems:\n"
                "  retryThrottling.maxTokens: is missing\n"
                "  retryThrottling.tokenRatio: is missing"},
        Refusal{R"({"retryThrottling": {"maxTokens": 0, "tokenRatio": 1}})", "retryThrottling.maxTokens: must be at least 1"},
        Refusal{R"({"retryThrottling": {"maxTokens": 1001, "tokenRatio": 1}})",
                "retryThrottling.maxTokens: must be at most 1000"},
        Refusal{R"({"retryThrottling": {"maxTokens": 0.5, "tokenRatio": 1}})",
                "retryThrottling.maxTokens: must be an integer, not 0.5"},
        Refusal{R"({"retryThrottling": {"maxTokens": 9, "tokenRatio": 0}})", "retryThrottling.tokenRatio: must be more than 0"},
        Refusal{R"({"retryThrottling": {"maxTokens": 9, "tokenRatio": 1000.001}})",
                "retryThrottling.tokenRatio: must be at most 1000"},
        Refusal{R"({"retryThrottling": {"maxTokens": 9, "tokenRatio": 0.1234}})",
                "retryThrottling.tokenRatio: must have at most 3 decimals, not as many as 0.1234"},
        Refusal{R"({"retryThrottling": {"maxTokens": 9, "tokenRatio": 0.0001}})",
                "retryThrottling.tokenRatio: must have at most 3 decimals, not as many as 0.0001"}),
    kNamedByError);

INSTANTIATE_TEST_SUITE_P(
    Bulkheads, RefusalTest,
    ::testing::Values(
        Refusal{Userclient(R"("dnsRefresh": "0.099999999s")"), "userclient.dnsRefresh: must be at least 0.1s"},
        Refusal{Userclient(R"("dns_refresh": "1s")"), "userclient.dns_refresh: unknown key; did you mean dnsRefresh?"},
        Refusal{Userclient(R"("bulkheads": {})"), "userclient.bulkheads: must be a list, not an object"},
        Refusal{Userclient(R"("bulkheads": [{}])"),
                "2 problems:\n"
                "  userclient.bulkheads[0].name: is missing\n"
                "  userclient.bulkheads[0].methods: is missing"},
        Refusal{Userclient(R"("bulkheads": [{"name": "", "methods": [{}]}])"),
                R"(userclient.bulkheads[0].name: must be made of letters, digits, '_' and '-', not "")"},
        Refusal{Userclient(R"("bulkheads": [{"name": "my reads", "methods": [{}]}])"),
                R"(userclient.bulkheads[0].name: must be made of letters, digits, '_' and '-', not "my reads")"},
        Refusal{
            Userclient(R"("bulkheads": [{"name": "default", "methods": [{}]}])"),
            R"(userclient.bulkheads[0].name: "default" is the name of the compartment of all methods that no bulkhead lists; )"
            "choose another"},
        Refusal{Userclient(R"("bulkheads": [{"name": "a", "methods": [{}]}, {"name": "a", "methods": [{"service": "s.S"}]}])"),
                R"(userclient.bulkheads[1].name: "a" already stands at userclient.bulkheads[0].name)"},
        Refusal{Userclient(R"("bulkheads": [{"name": "a", "methods": []}])"),
                "userclient.bulkheads[0].methods: must not be empty"},
        Refusal{Userclient(R"("bulkheads": [{"name": "a", "methods": [{"method": "A"}]}])"),
                R"(userclient.bulkheads[0].methods[0]: names the method "A" without its service)"},
        Refusal{Userclient(R"("bulkheads": [{"name": "a", "methods": [{}]}, {"name": "b", "methods": [{}]}])"),
                "userclient.bulkheads[1].methods[0]: every method already stands at userclient.bulkheads[0].methods[0]"},
        Refusal{Bulkhead(R"("channels": 0)"), "userclient.bulkheads[0].channels: must be at least 1"},
        Refusal{Bulkhead(R"("channels": 65)"), "userclient.bulkheads[0].channels: must be at most 64"},
        Refusal{Bulkhead(R"("maxChannels": 0)"), "userclient.bulkheads[0].maxChannels: must be at least 1"},
        Refusal{Bulkhead(R"("maxChannels": 65)"), "userclient.bulkheads[0].maxChannels: must be at most 64"},
        Refusal{Bulkhead(R"("channels": 4, "maxChannels": 3)"),
                "userclient.bulkheads[0].maxChannels: must be at least channels (4); it is 3"},
        Refusal{Bulkhead(R"("channels": "4", "maxChannels": 3)"),
                R"(userclient.bulkheads[0].channels: must be an integer, not "4")"},
        Refusal{Bulkhead(R"("maxConcurrentCalls": 9, "adaptiveLimit": {})"),
                "userclient.bulkheads[0]: has both maxConcurrentCalls and adaptiveLimit; keep one"},
        Refusal{Bulkhead(R"("maxConcurrentCalls": 0)"), "userclient.bulkheads[0].maxConcurrentCalls: must be at least 1"},
        Refusal{Bulkhead(R"("maxConcurrentCalls": 2147483648)"),
                "userclient.bulkheads[0].maxConcurrentCalls: must be at most 1000000"},
        Refusal{Bulkhead(R"("maxWait": "0s")"),
                "userclient.bulkheads[0].maxWait: means nothing without a limit; set maxConcurrentCalls or adaptiveLimit too"},
        Refusal{Bulkhead(R"("maxConcurrentCalls": "9", "maxWait": "1s")"),
                R"(userclient.bulkheads[0].maxConcurrentCalls: must be an integer, not "9")"},
        Refusal{Bulkhead(R"("breaker": {})"), "userclient.bulkheads[0].breaker: unknown key"}),
    kNamedByError);

INSTANTIATE_TEST_SUITE_P(
    CircuitBreaker, RefusalTest,
    ::testing::Values(
        Refusal{Breaker(R"("window": "0.05s")"), "userclient.bulkheads[0].circuitBreaker.window: must be at least 0.1s"},
        Refusal{Breaker(R"("minimumCalls": 0)"), "userclient.bulkheads[0].circuitBreaker.minimumCalls: must be at least 1"},
        Refusal{Breaker(R"("failureRatio": 0)"), "userclient.bulkheads[0].circuitBreaker.failureRatio: must be more than 0"},
        Refusal{Breaker(R"("failureRatio": 50)"), "userclient.bulkheads[0].circuitBreaker.failureRatio: must be at most 1"},
        Refusal{Breaker(R"("openDuration": "0s")"), "userclient.bulkheads[0].circuitBreaker.openDuration: must be more than 0s"},
        Refusal{Breaker(R"("openDuration": "2s", "maxOpenDuration": "1s")"),
                "userclient.bulkheads[0].circuitBreaker.maxOpenDuration: must be at least openDuration (2s); it is 1s"},
        Refusal{
            Breaker(R"("openDuration": "90s")"),
            "userclient.bulkheads[0].circuitBreaker.maxOpenDuration: must be at least openDuration (90s); it is 60s unless set"},
        Refusal{
            Breaker(R"("openDuration": "90s", "maxOpenDuration": 100)"),
            R"(userclient.bulkheads[0].circuitBreaker.maxOpenDuration: must be a duration such as "0.5s", not 100; write "100s")"},
        Refusal{Breaker(R"("halfOpenProbes": 0)"), "userclient.bulkheads[0].circuitBreaker.halfOpenProbes: must be at least 1"},
        Refusal{Breaker(R"("halfOpenProbes": 16384)"),
                "userclient.bulkheads[0].circuitBreaker.halfOpenProbes: must be at most 16383"},
        Refusal{
            Breaker(R"("maxOpenDuration": "1s")"),
            "userclient.bulkheads[0].circuitBreaker.maxOpenDuration: must be at least openDuration (5s unless set); it is 1s"},
        Refusal{Breaker(R"("maxProbesInFlight": 0)"),
                "userclient.bulkheads[0].circuitBreaker.maxProbesInFlight: must be at least 1"},
        Refusal{Breaker(R"("maxProbesInFlight": 16384)"),
                "userclient.bulkheads[0].circuitBreaker.maxProbesInFlight: must be at most 16383"},
        Refusal{Breaker(R"("maxHalfOpen": "0s")"), "userclient.bulkheads[0].circuitBreaker.maxHalfOpen: must be more than 0s"},
        Refusal{Breaker(R"("healthyAfter": "0s")"), "userclient.bulkheads[0].circuitBreaker.healthyAfter: must be more than 0s"},
        Refusal{Breaker(R"("consecutiveFailures": 0)"),
                "userclient.bulkheads[0].circuitBreaker.consecutiveFailures: must be at least 1"},
        Refusal{Breaker(R"("slowCallDuration": "0s")"),
                "userclient.bulkheads[0].circuitBreaker.slowCallDuration: must be more than 0s"},
        Refusal{Breaker(R"("slowCallDuration": "1s", "slowCallRatio": 0)"),
                "userclient.bulkheads[0].circuitBreaker.slowCallRatio: must be more than 0"},
        Refusal{Breaker(R"("slowCallDuration": "1s", "slowCallRatio": 1.1)"),
                "userclient.bulkheads[0].circuitBreaker.slowCallRatio: must be at most 1"},
        Refusal{Breaker(R"("slowCallRatio": 0.5)"),
                "userclient.bulkheads[0].circuitBreaker.slowCallRatio: means nothing without slowCallDuration; set that too"},
        Refusal{Breaker(R"("windows": "1s")"),
                "userclient.bulkheads[0].circuitBreaker.windows: unknown key; did you mean window?"}),
    kNamedByError);

INSTANTIATE_TEST_SUITE_P(
    AdaptiveLimit, RefusalTest,
    ::testing::Values(
        Refusal{Bulkhead(R"("adaptiveLimit": 20)"), "userclient.bulkheads[0].adaptiveLimit: must be an object, not 20"},
        Refusal{Adaptive(R"("algorithm": "vegas")"),
                R"(userclient.bulkheads[0].adaptiveLimit.algorithm: must be "gradient" or "aimd", not "vegas")"},
        Refusal{Adaptive(R"("algorithm": 1)"),
                R"(userclient.bulkheads[0].adaptiveLimit.algorithm: must be "gradient" or "aimd", not 1)"},
        Refusal{Adaptive(R"("initialLimit": 0)"), "userclient.bulkheads[0].adaptiveLimit.initialLimit: must be at least 1"},
        Refusal{Adaptive(R"("minLimit": 0)"), "userclient.bulkheads[0].adaptiveLimit.minLimit: must be at least 1"},
        Refusal{Adaptive(R"("maxLimit": 100001)"), "userclient.bulkheads[0].adaptiveLimit.maxLimit: must be at most 100000"},
        Refusal{Adaptive(R"("initialLimit": 2, "minLimit": 3)"),
                "userclient.bulkheads[0].adaptiveLimit.initialLimit: must be at least minLimit (3); it is 2"},
        Refusal{Adaptive(R"("initialLimit": 3)"),
                "userclient.bulkheads[0].adaptiveLimit.initialLimit: must be at least minLimit (4 unless set); it is 3"},
        Refusal{Adaptive(R"("minLimit": 30)"),
                "userclient.bulkheads[0].adaptiveLimit.initialLimit: must be at least minLimit (30); it is 20 unless set"},
        Refusal{Adaptive(R"("maxLimit": 19)"),
                "userclient.bulkheads[0].adaptiveLimit.maxLimit: must be at least initialLimit (20 unless set); it is 19"},
        Refusal{Adaptive(R"("window": "0.05s")"), "userclient.bulkheads[0].adaptiveLimit.window: must be at least 0.1s"},
        Refusal{Adaptive(R"("minimumSamples": 0)"), "userclient.bulkheads[0].adaptiveLimit.minimumSamples: must be at least 1"},
        Refusal{Adaptive(R"("dropRatio": 0)"), "userclient.bulkheads[0].adaptiveLimit.dropRatio: must be more than 0"},
        Refusal{Adaptive(R"("dropRatio": 1.5)"), "userclient.bulkheads[0].adaptiveLimit.dropRatio: must be at most 1"},
        Refusal{Adaptive(R"("algorithm": "aimd", "timeout": "0s")"),
                "userclient.bulkheads[0].adaptiveLimit.timeout: must be more than 0s"},
        Refusal{Adaptive(R"("timeout": "1s")"),
                R"(userclient.bulkheads[0].adaptiveLimit.timeout: means nothing to the algorithm "gradient", the default; )"
                R"(only "aimd" has it)"},
        Refusal{
            Adaptive(R"("algorithm": "gradient", "timeout": "1s")"),
            R"(userclient.bulkheads[0].adaptiveLimit.timeout: means nothing to the algorithm "gradient"; only "aimd" has it)"},
        Refusal{Adaptive(R"("algorithm": "aimd", "remeasureEvery": "60s")"),
                R"(userclient.bulkheads[0].adaptiveLimit.remeasureEvery: means nothing to the algorithm "aimd"; )"
                R"(only "gradient" has it)"},
        Refusal{Adaptive(R"("algorithm": "admi", "timeout": "1s", "remeasureEvery": "60s")"),
                R"(userclient.bulkheads[0].adaptiveLimit.algorithm: must be "gradient" or "aimd", not "admi")"},
        Refusal{Adaptive(R"("remeasureEvery": "1s")"),
                "userclient.bulkheads[0].adaptiveLimit.remeasureEvery: must be more than window (1s unless set); it is 1s"},
        Refusal{Adaptive(R"("window": "5s", "remeasureEvery": "2s")"),
                "userclient.bulkheads[0].adaptiveLimit.remeasureEvery: must be more than window (5s); it is 2s"},
        Refusal{Adaptive(R"("maximumLimit": 9)"),
                "userclient.bulkheads[0].adaptiveLimit.maximumLimit: unknown key; did you mean maxLimit?"}),
    kNamedByError);

INSTANTIATE_TEST_SUITE_P(
    MethodExtras, RefusalTest,
    ::testing::Values(
        Refusal{Userclient(R"("methods": {})"), "userclient.methods: must be a list, not an object"},
        Refusal{Userclient(R"("methods": [1])"), "userclient.methods[0]: must be an object, not 1"},
        Refusal{Userclient(R"("methods": [{}])"), "userclient.methods[0].name: is missing"},
        Refusal{Userclient(R"("methods": [{"singleFlight": true}])"), "userclient.methods[0].name: is missing"},
        Refusal{Userclient(R"("methods": [{"name": [{}]}])"),
                "userclient.methods[0]: sets nothing; add hedgingDelayPercentile, staleIfError or singleFlight"},
        Refusal{Extras(R"("singleFligth": true)"), "userclient.methods[0].singleFligth: unknown key; did you mean singleFlight?"},
        Refusal{Extras(R"("singleFlight": 1)"), "userclient.methods[0].singleFlight: must be true or false, not 1"},
        Refusal{Userclient(R"("methods": [{"name": [], "singleFlight": true}])"),
                "userclient.methods[0].name: must not be empty"},
        Refusal{Userclient(R"("methods": [{"name": [{"service": "s.S"}], "singleFlight": true},
                                          {"name": [{"service": "s.T"}, {"service": "s.S"}], "staleIfError": {}}])"),
                "userclient.methods[1].name[1]: every method of s.S already stands at userclient.methods[0].name[0]"},
        Refusal{Extras(R"("hedgingDelayPercentile": 0)"), "userclient.methods[0].hedgingDelayPercentile: must be more than 0"},
        Refusal{Extras(R"("hedgingDelayPercentile": 1)"), "userclient.methods[0].hedgingDelayPercentile: must be less than 1"},
        Refusal{Extras(R"("hedgingDelayPercentile": 95)"), "userclient.methods[0].hedgingDelayPercentile: must be less than 1"},
        Refusal{Extras(R"("hedgingDelayPercentile": "95%")"),
                R"(userclient.methods[0].hedgingDelayPercentile: must be a number, not "95%")"},
        Refusal{Extras(R"("staleIfError": true)"), "userclient.methods[0].staleIfError: must be an object, not true"},
        Refusal{Extras(R"("staleIfError": {"maxAge": "0s"})"), "userclient.methods[0].staleIfError.maxAge: must be more than 0s"},
        Refusal{Extras(R"("staleIfError": {"maxBytes": 1023})"),
                "userclient.methods[0].staleIfError.maxBytes: must be at least 1024"},
        Refusal{Extras(R"("staleIfError": {"maxBytes": 1099511627777})"),
                "userclient.methods[0].staleIfError.maxBytes: must be at most 1099511627776"},
        Refusal{Extras(R"("staleIfError": {"maxbytes": 4096})"),
                "userclient.methods[0].staleIfError.maxbytes: unknown key; did you mean maxBytes?"}),
    kNamedByError);

TEST(RefusalOfManyTest, ReportsAllProblemsOfAFileAtOnce) {
  const absl::StatusOr<ServiceConfig> config = ServiceConfig::Parse(R"({
    "loadBalancingConfig": [],
    "methodConfig": [
      {"name": [{"method": "A"}], "timeout": "1", "timeout": "2"},
      {"name": [{}], "retryPolicy": {"maxAttempts": 1, "initialBackoff": "1s", "maxBackoff": "1s", "backoffMultiplier": 2,
                                     "retryableStatusCodes": ["OK", "UNAVAILABEL"]}}],
    "retryThrotling": {"maxTokens": 1},
    "userclient": {"bulkheads": [{"name": "a/b", "methods": [{}], "channels": 100}]}
  })");

  EXPECT_EQ(config.status(), absl::InvalidArgumentError(
                                 "10 problems:\n"
                                 "  methodConfig[0].timeout: stands twice; keep one\n"
                                 "  retryThrotling: unknown key; did you mean retryThrottling?\n"
                                 "  loadBalancingConfig: must not be empty\n"
                                 "  methodConfig[0].timeout: must be a duration, not \"1\"; write \"1s\"\n"
                                 "  methodConfig[0].name[0]: names the method \"A\" without its service\n"
                                 "  methodConfig[1].retryPolicy.maxAttempts: must be at least 2\n"
                                 "  methodConfig[1].retryPolicy.retryableStatusCodes[0]: must be a failure, and OK is none\n"
                                 "  methodConfig[1].retryPolicy.retryableStatusCodes[1]: unknown status code \"UNAVAILABEL\"; "
                                 "did you mean UNAVAILABLE?\n"
                                 "  userclient.bulkheads[0].channels: must be at most 64\n"
                                 "  userclient.bulkheads[0].name: must be made of letters, digits, '_' and '-', not \"a/b\""));
}

TEST(RefusalOfManyTest, ALongTextIsCutShort) {
  const std::string text(5000, 'x');

  const absl::StatusOr<ServiceConfig> config = ServiceConfig::Parse(R"({"loadBalancingConfig": ")" + text + "\"}");

  EXPECT_EQ(config.status(),
            absl::InvalidArgumentError("loadBalancingConfig: must be a list, not \"" + std::string(60, 'x') + "...\""));
}

}  // namespace
}  // namespace userclient
