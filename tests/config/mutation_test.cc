/// Thousands of damaged configs, the same ones in every run.

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "config/value_check.h"
#include "gtest/gtest.h"
#include "tests/config/files.h"
#include "tests/config/schema_validator.h"
#include "userclient/service_config.h"

namespace userclient {
namespace {

using nlohmann::json;

// A file that uses every field.
constexpr std::string_view kEverything = R"({
  "$schema": "x", "loadBalancingPolicy": "round_robin", "loadBalancingConfig": [{"outlier": {"childPolicy": [{"round_robin": {}}]}}],
  "healthCheckConfig": {"serviceName": "s.S"}, "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
  "methodConfig": [
    {"name": [{"service": "s.S", "method": "A"}, {"service": "s.S"}], "waitForReady": true, "timeout": "1s", "maxRequestMessageBytes": 1,
     "maxResponseMessageBytes": 2,
     "retryPolicy": {"maxAttempts": 4, "initialBackoff": "0.05s", "maxBackoff": "1s", "backoffMultiplier": 2,
                     "perAttemptRecvTimeout": "0.3s", "retryableStatusCodes": ["UNAVAILABLE", "DEADLINE_EXCEEDED"]}},
    {"name": [{}], "hedgingPolicy": {"maxAttempts": 3, "hedgingDelay": "0s", "nonFatalStatusCodes": ["UNAVAILABLE"]}}],
  "userclient": {"dnsRefresh": "5s", "bulkheads": [
    {"name": "reads", "methods": [{"service": "s.S", "method": "A"}], "channels": 2, "maxChannels": 4, "maxConcurrentCalls": 256, "maxWait": "0s",
     "circuitBreaker": {"window": "10s", "minimumCalls": 20, "failureRatio": 0.5, "openDuration": "5s", "maxOpenDuration": "60s",
                        "halfOpenProbes": 3, "maxProbesInFlight": 2, "maxHalfOpen": "10s", "healthyAfter": "60s",
                        "consecutiveFailures": 5, "slowCallDuration": "1s", "slowCallRatio": 0.9}},
    {"name": "gradient", "methods": [{"service": "s.S"}], "maxWait": "0.01s",
     "adaptiveLimit": {"algorithm": "gradient", "initialLimit": 20, "minLimit": 4, "maxLimit": 200, "window": "1s", "minimumSamples": 10,
                       "dropRatio": 0.01, "remeasureEvery": "61s"}},
    {"name": "aimd", "methods": [{}], "adaptiveLimit": {"algorithm": "aimd", "timeout": "5s"}}],
    "methods": [{"name": [{"service": "s.S", "method": "A"}], "hedgingDelayPercentile": 0.95, "singleFlight": true,
                 "staleIfError": {"maxAge": "300s", "maxBytes": 1024}}]}
})";

class Mutator {
 public:
  explicit Mutator(uint32_t seed) : random_(seed) {}

  size_t Below(size_t end) { return end == 0 ? 0 : random_() % end; }

  // Bytes changed, dropped, put in, or copied from elsewhere.
  std::string MutateText(std::string text) {
    using namespace std::string_view_literals;
    static constexpr std::string_view kBytes = "{}[]\",:0123456789.-+eEsntrufal\\ \n\0\xff\xc3\xa9"sv;
    for (size_t edits = 1 + Below(2); edits > 0 && !text.empty(); --edits) {
      const size_t at = Below(text.size());
      switch (Below(4)) {
        case 0:
          text[at] = kBytes[Below(kBytes.size())];
          break;
        case 1:
          text.erase(at, 1 + Below(8));
          break;
        case 2:
          text.insert(at, 1, kBytes[Below(kBytes.size())]);
          break;
        default:
          text.insert(at, text.substr(Below(text.size()), 1 + Below(40)));
      }
    }
    return text;
  }

  // Values replaced, keys misspelt, members dropped, list items doubled: always JSON.
  json MutateValue(json document) {
    for (size_t edits = 1 + Below(3); edits > 0; --edits) MutateOne(document);
    return document;
  }

 private:
  void MutateOne(json& node) {
    if (node.is_structured() && !node.empty() && Below(6) != 0) {
      auto member = node.begin();
      std::advance(member, Below(node.size()));
      if (Below(8) != 0) return MutateOne(*member);
      if (node.is_array()) return node.push_back(json(*member));
      json value = *member;
      const std::string key = member.key();
      node.erase(member);
      if (Below(2) == 0) node[MutateText(key + "x")] = std::move(value);
      return;
    }
    static const std::vector<json> kValues = {nullptr,
                                              true,
                                              0,
                                              1,
                                              2,
                                              3,
                                              -1,
                                              10,
                                              11,
                                              64,
                                              65,
                                              1000,
                                              2147483648,
                                              18446744073709551615u,
                                              0.1,
                                              0.5,
                                              0.1234,
                                              4.0,
                                              1e300,
                                              "",
                                              "x",
                                              "s.S",
                                              "s.T",
                                              "A",
                                              "B",
                                              "0s",
                                              "1s",
                                              "0.1s",
                                              "0.05s",
                                              "100ms",
                                              "-1s",
                                              "61s",
                                              "UNAVAILABLE",
                                              "OK",
                                              "ABORTED",
                                              "default",
                                              "aimd",
                                              "gradient",
                                              false,
                                              "writes",
                                              json::array(),
                                              json::object(),
                                              json({{"service", "s.T"}}),
                                              json::array({json::object()})};
    node = kValues[Below(kValues.size())];
  }

  std::mt19937 random_;
};

// What must hold of every config that was accepted.
void ExpectSound(const ServiceConfig& config, const json& document) {
  static const SchemaValidator* const validator =
      new SchemaValidator(json::parse(ReadText(SourceFile("service_config/userclient.schema.json"))));
  EXPECT_EQ(validator->Validate(document), std::nullopt) << document;

  EXPECT_EQ(internal::CheckValues(config), absl::OkStatus()) << document;

  const json channel = json::parse(config.channel_json);
  for (const char* key : {"$schema", "retryThrottling", "userclient"}) EXPECT_FALSE(channel.contains(key)) << channel;
  for (const json& entry : channel.value("methodConfig", json::array())) {
    for (const char* key : {"timeout", "retryPolicy", "hedgingPolicy"}) EXPECT_FALSE(entry.contains(key)) << channel;
  }
  const absl::StatusOr<ServiceConfig> again = ServiceConfig::Parse(config.channel_json);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->channel_json, config.channel_json);
}

TEST(MutationTest, DamagedTextIsEitherRefusedOrSound) {
  Mutator mutator(20231120);
  int accepted = 0;
  int refused = 0;
  for (int i = 0; i < 5'000; ++i) {
    const std::string text = mutator.MutateText(std::string(kEverything));
    const absl::StatusOr<ServiceConfig> config = ServiceConfig::Parse(text);
    if (config.ok()) {
      ++accepted;
      ExpectSound(*config, json::parse(text));
    } else {
      ++refused;
      ASSERT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument) << config.status();
    }
  }

  EXPECT_GT(accepted, 100);
  EXPECT_GT(refused, 2'500);
}

TEST(MutationTest, DamagedValuesAreEitherRefusedOrSound) {
  Mutator mutator(20231121);
  const json everything = json::parse(kEverything);
  int accepted = 0;
  int refused = 0;
  for (int i = 0; i < 5'000; ++i) {
    const json document = mutator.MutateValue(everything);
    const absl::StatusOr<ServiceConfig> config =
        ServiceConfig::Parse(document.dump(-1, ' ', false, json::error_handler_t::replace));
    if (config.ok()) {
      ++accepted;
      ExpectSound(*config, document);
    } else {
      ++refused;
      ASSERT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument) << config.status();
    }
  }

  EXPECT_GT(accepted, 100);
  EXPECT_GT(refused, 2'500);
}

TEST(MutationTest, TheUndamagedFileIsSound) {
  const absl::StatusOr<ServiceConfig> config = ServiceConfig::Parse(kEverything);

  ASSERT_TRUE(config.ok()) << config.status();
  ExpectSound(*config, json::parse(kEverything));
}

TEST(MutationTest, AnUnknownKeyIsRefusedWhereverItStands) {
  const json everything = json::parse(kEverything);
  const json flat = everything.flatten();
  std::set<std::string> objects = {""};
  for (const auto& [pointer, value] : flat.items()) {
    for (json::json_pointer at = json::json_pointer(pointer).parent_pointer(); !at.empty(); at = at.parent_pointer()) {
      if (everything.at(at).is_object()) objects.insert(at.to_string());
    }
  }
  for (const std::string& pointer : objects) {
    if (pointer.find("/loadBalancingConfig/0/") != std::string::npos) continue;  // known to gRPC alone
    json document = everything;
    document[json::json_pointer(pointer)]["surprise"] = json::object();

    EXPECT_FALSE(ServiceConfig::Parse(document.dump()).ok()) << pointer;
  }
}

}  // namespace
}  // namespace userclient
