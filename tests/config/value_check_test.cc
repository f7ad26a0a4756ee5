// A config that a program has made, or changed: held to the rules of a file.

#include "config/value_check.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "config/field_tables.h"
#include "config/written_config.h"
#include "tests/config/files.h"
#include "tests/config/test_name.h"
#include "userclient/service_config.h"

namespace userclient {
namespace {

using internal::CheckValues;
using internal::Json;
using internal::WrittenConfig;
using namespace std::chrono_literals;

/// Every key that userclient executes, none with its default.
constexpr char kEverything[] = R"({
  "methodConfig": [
    {"name": [{"service": "a.B", "method": "C"}, {"service": "a.D"}], "timeout": "1.5s",
     "retryPolicy": {"maxAttempts": 3, "initialBackoff": "0.000000001s", "maxBackoff": "2s", "backoffMultiplier": 1.3,
                     "perAttemptRecvTimeout": "0.25s", "retryableStatusCodes": ["UNKNOWN", "UNAVAILABLE"]}},
    {"name": [{}],
     "hedgingPolicy": {"maxAttempts": 4, "hedgingDelay": "0.05s", "nonFatalStatusCodes": ["CANCELLED", "UNAUTHENTICATED"]}}],
  "retryThrottling": {"maxTokens": 7, "tokenRatio": 0.125},
  "userclient": {
    "dnsRefresh": "3s",
    "bulkheads": [
      {"name": "reads", "methods": [{"service": "a.B"}], "channels": 2, "maxChannels": 3, "maxConcurrentCalls": 5, "maxWait": "0.1s",
       "circuitBreaker": {"window": "11s", "minimumCalls": 12, "failureRatio": 0.13, "openDuration": "14s", "maxOpenDuration": "15s",
                          "halfOpenProbes": 16, "maxProbesInFlight": 17, "maxHalfOpen": "18s", "healthyAfter": "19s",
                          "consecutiveFailures": 20, "slowCallDuration": "21s", "slowCallRatio": 0.22}},
      {"name": "more", "methods": [{"service": "a.E"}], "channels": 1,
       "adaptiveLimit": {"algorithm": "aimd", "initialLimit": 30, "minLimit": 3, "maxLimit": 31, "window": "2s", "minimumSamples": 32,
                         "dropRatio": 0.33, "timeout": "34s"}},
      {"name": "most", "methods": [{"service": "a.F"}], "channels": 1,
       "adaptiveLimit": {"algorithm": "gradient", "initialLimit": 30, "minLimit": 3, "maxLimit": 31, "window": "2s",
                         "minimumSamples": 32, "dropRatio": 0.33, "remeasureEvery": "35s"}}],
    "methods": [{"name": [{"service": "a.B"}], "hedgingDelayPercentile": 0.95, "staleIfError": {"maxAge": "41s", "maxBytes": 4200},
                 "singleFlight": true}]}})";

ServiceConfig Everything() { return *ServiceConfig::Parse(kEverything); }

void CollectKeys(const internal::ObjectSpec& spec, std::set<std::string>& keys) {
  for (const internal::FieldSpec& field : spec.fields) {
    keys.emplace(field.key);
    if (field.object != nullptr) CollectKeys(*field.object, keys);
  }
}

TEST(WrittenConfigTest, IsWhatTheFileSaid) { EXPECT_EQ(WrittenConfig(Everything()).dump(1), Json::parse(kEverything).dump(1)); }

TEST(WrittenConfigTest, HasEveryKeyButThoseThatGrpcExecutes) {
  std::set<std::string> keys;
  CollectKeys(internal::kServiceConfigSpec, keys);
  for (const char* const key : {"$schema", "loadBalancingPolicy", "loadBalancingConfig", "healthCheckConfig", "serviceName",
                                "waitForReady", "maxRequestMessageBytes", "maxResponseMessageBytes"}) {
    EXPECT_EQ(keys.erase(key), 1u) << key;
  }
  const std::string written = WrittenConfig(Everything()).dump();

  for (const std::string& key : keys) EXPECT_NE(written.find("\"" + key + "\":"), std::string::npos) << key;
}

TEST(ValueCheckTest, FindsNothingWrongWithWhatAFileSays) {
  EXPECT_EQ(CheckValues(Everything()), absl::OkStatus());
  EXPECT_EQ(CheckValues(ServiceConfig()), absl::OkStatus());
  EXPECT_EQ(
      CheckValues(*ServiceConfig::Parse(R"({"userclient": {"bulkheads": [{"name": "a", "methods": [{}], "circuitBreaker": {},
      "adaptiveLimit": {}}], "methods": [{"name": [{}], "staleIfError": {}}, {"name": [{"service": "a.B"}], "singleFlight": false}]}})")),
      absl::OkStatus());
  for (const char* const file : {"default.json", "production.json", "hedging.json"}) {
    const absl::StatusOr<ServiceConfig> config =
        ServiceConfig::Load(std::string(USERCLIENT_SOURCE_DIR "/service_config/") + file);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(CheckValues(*config), absl::OkStatus()) << file;
  }
}

TEST(ValueCheckTest, AProgramNeedNotSetWhatAFileNeedNot) {
  ServiceConfig config;
  config.bulkheads.push_back({.name = "reads", .methods = {{}}, .channels = 4});
  config.methods.push_back({.names = {{.service = "a.B"}}, .timeout = 1s});

  EXPECT_EQ(CheckValues(config), absl::OkStatus());
}

struct Change {
  std::function<void(ServiceConfig&)> make;
  std::string error;

  // Also in the names that ctest shows: nothing but letters.
  friend void PrintTo(const Change& tested, std::ostream* out) { *out << TestName(tested.error, tested.error.size()); }
};

class ChangedConfigTest : public ::testing::TestWithParam<Change> {};

TEST_P(ChangedConfigTest, IsRefusedAsAFileWouldBe) {
  ServiceConfig config = Everything();
  GetParam().make(config);

  EXPECT_EQ(CheckValues(config), absl::InvalidArgumentError(GetParam().error));
}

INSTANTIATE_TEST_SUITE_P(
    , ChangedConfigTest,
    ::testing::Values(
        Change{[](ServiceConfig& config) { config.bulkheads[0].circuit_breaker->window = 0s; },
               "userclient.bulkheads[0].circuitBreaker.window: must be at least 0.1s"},
        Change{
            [](ServiceConfig& config) { config.channel_json = R"({"loadBalancingConfig": [{"ring_hash_experimental": {}}]})"; },
            "channel_json.loadBalancingConfig[0].ring_hash_experimental: works under xDS alone; use round_robin, or an xds: "
            "target"},
        Change{[](ServiceConfig& config) { config.bulkheads[0].circuit_breaker->open_duration = -1s; },
               "userclient.bulkheads[0].circuitBreaker.openDuration: must not be negative, as \"-1s\" is"},
        Change{[](ServiceConfig& config) { config.methods[0].timeout = std::chrono::nanoseconds::max(); },
               "methodConfig[0].timeout: must be at most \"3153600000s\" (100 years), not \"9223372036.854775807s\""},
        Change{[](ServiceConfig& config) { config.methods[0].timeout = std::chrono::nanoseconds::min(); },
               "methodConfig[0].timeout: must not be negative, as \"-9223372036.854775807s\" is"},
        Change{[](ServiceConfig& config) { config.methods[0].retry_policy->max_attempts = 11; },
               "methodConfig[0].retryPolicy.maxAttempts: must be at most 10"},
        Change{[](ServiceConfig& config) { config.methods[0].retry_policy->backoff_multiplier = std::nan(""); },
               "methodConfig[0].retryPolicy.backoffMultiplier: must be a number, not null"},
        Change{[](ServiceConfig& config) {
                 config.methods[0].retry_policy->backoff_multiplier = std::numeric_limits<double>::infinity();
               },
               "methodConfig[0].retryPolicy.backoffMultiplier: must be a number, not null"},
        Change{
            [](ServiceConfig& config) { config.methods[0].retry_policy->retryable_status_codes.Insert(absl::StatusCode::kOk); },
            "methodConfig[0].retryPolicy.retryableStatusCodes[0]: must be a failure, and OK is none"},
        Change{[](ServiceConfig& config) { config.methods[0].hedging_policy = config.methods[1].hedging_policy; },
               "methodConfig[0]: has both retryPolicy and hedgingPolicy; keep one"},
        Change{[](ServiceConfig& config) { config.methods[1].names.clear(); }, "methodConfig[1].name: must not be empty"},
        Change{[](ServiceConfig& config) { config.retry_throttling->milli_token_ratio = 0; },
               "retryThrottling.tokenRatio: must be more than 0"},
        Change{[](ServiceConfig& config) { config.bulkheads[1].name = "reads"; },
               "userclient.bulkheads[1].name: \"reads\" already stands at userclient.bulkheads[0].name"},
        Change{[](ServiceConfig& config) { config.bulkheads[0].name = "\xff"; },
               "userclient.bulkheads[0].name: must be made of letters, digits, '_' and '-', not \"\uFFFD\""},
        Change{[](ServiceConfig& config) { config.bulkheads[0].max_concurrent_calls = 0; },
               "userclient.bulkheads[0].maxConcurrentCalls: must be at least 1"},
        Change{[](ServiceConfig& config) { config.bulkheads[0].channels = 4; },
               "userclient.bulkheads[0].maxChannels: must be at least channels (4); it is 3"},
        Change{
            [](ServiceConfig& config) { config.bulkheads[2].adaptive_limit->timeout = 1s; },
            "userclient.bulkheads[2].adaptiveLimit.timeout: means nothing to the algorithm \"gradient\"; only \"aimd\" has it"},
        Change{[](ServiceConfig& config) { config.dns_refresh = 0s; }, "userclient.dnsRefresh: must be at least 0.1s"},
        Change{[](ServiceConfig& config) { config.extras[0].hedging_delay_percentile = 1.5; },
               "userclient.methods[0].hedgingDelayPercentile: must be less than 1"}),
    [](const auto& tested) { return TestName(tested.param.error, tested.index); });

TEST(ValueCheckTest, TellsOfAllMistakesAtOnce) {
  ServiceConfig config = Everything();
  config.dns_refresh = 0s;
  config.methods[0].retry_policy->max_attempts = 1;

  const std::string error(CheckValues(config).message());

  EXPECT_NE(error.find("userclient.dnsRefresh: must be at least 0.1s"), std::string::npos) << error;
  EXPECT_NE(error.find("methodConfig[0].retryPolicy.maxAttempts: must be at least 2"), std::string::npos) << error;
}

}  // namespace
}  // namespace userclient
