#include "config/split.h"

#include <nlohmann/json.hpp>
#include <ostream>
#include <string>

#include "gtest/gtest.h"
#include "userclient/service_config.h"

namespace userclient {
namespace {

using nlohmann::json;

struct Split {
  std::string name;
  std::string file;
  std::string channel;

  friend void PrintTo(const Split& tested, std::ostream* out) { *out << tested.name; }
};

class SplitTest : public ::testing::TestWithParam<Split> {};

TEST_P(SplitTest, LeavesTheChannelWhatItExecutes) {
  const absl::StatusOr<ServiceConfig> config = ServiceConfig::Parse(GetParam().file);

  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(json::parse(config->channel_json), json::parse(GetParam().channel)) << config->channel_json;
}

INSTANTIATE_TEST_SUITE_P(
    Split, SplitTest,
    ::testing::Values(
        Split{"Nothing", "{}", "{}"},
        Split{"LoadBalancingAndHealth",
              R"({"loadBalancingPolicy": "round_robin", "loadBalancingConfig": [{"b": {"x": [1, 0.1, "é"]}}, {"a": {}}],
                  "healthCheckConfig": {"serviceName": "s.S"}})",
              R"({"loadBalancingPolicy": "round_robin", "loadBalancingConfig": [{"b": {"x": [1, 0.1, "é"]}}, {"a": {}}],
                  "healthCheckConfig": {"serviceName": "s.S"}})"},
        Split{"SchemaThrottlingAndOwnSectionAreStripped",
              R"({"$schema": "x", "retryThrottling": {"maxTokens": 1, "tokenRatio": 1}, "userclient": {"dnsRefresh": "1s"}})",
              "{}"},
        Split{
            "WhatTheSdkExecutesOfAMethodIsStripped",
            R"({"methodConfig": [{"name": [{"service": "s.S"}], "timeout": "1s", "waitForReady": true, "maxRequestMessageBytes": 1,
                  "maxResponseMessageBytes": 2, "retryPolicy": {"maxAttempts": 2, "initialBackoff": "1s", "maxBackoff": "1s",
                  "backoffMultiplier": 1, "retryableStatusCodes": ["ABORTED"]}},
                  {"name": [{"service": "s.T"}], "waitForReady": false, "hedgingPolicy": {"maxAttempts": 2}}]})",
            R"({"methodConfig": [{"name": [{"service": "s.S"}], "waitForReady": true, "maxRequestMessageBytes": 1,
                  "maxResponseMessageBytes": 2}, {"name": [{"service": "s.T"}], "waitForReady": false}]})"},
        Split{"AnEntryWithNothingLeftIsDropped",
              R"({"methodConfig": [{"name": [{"service": "s.S", "method": "A"}], "timeout": "1s"},
                                   {"name": [{"service": "s.S", "method": "B"}], "waitForReady": true}]})",
              R"({"methodConfig": [{"name": [{"service": "s.S", "method": "B"}], "waitForReady": true}]})"},
        Split{"AMethodThatItsServiceMustNotReachStays",
              R"({"methodConfig": [{"name": [{"service": "s.S", "method": "A"}], "timeout": "1s"},
                                   {"name": [{"service": "s.S"}], "waitForReady": true}]})",
              R"({"methodConfig": [{"name": [{"service": "s.S", "method": "A"}]},
                                   {"name": [{"service": "s.S"}], "waitForReady": true}]})"},
        Split{"AServiceThatTheDefaultMustNotReachStays",
              R"({"methodConfig": [{"name": [{}], "waitForReady": true}, {"name": [{"service": "s.S"}], "timeout": "1s"}]})",
              R"({"methodConfig": [{"name": [{}], "waitForReady": true}, {"name": [{"service": "s.S"}]}]})"},
        Split{"AMethodOfAnotherServiceIsDropped",
              R"({"methodConfig": [{"name": [{"service": "s.T", "method": "A"}], "timeout": "1s"},
                                   {"name": [{"service": "s.S"}], "waitForReady": true}]})",
              R"({"methodConfig": [{"name": [{"service": "s.S"}], "waitForReady": true}]})"},
        Split{"AWildcardWithNothingLeftShadowsNothing",
              R"({"methodConfig": [{"name": [{"service": "s.S", "method": "A"}], "timeout": "1s"},
                                   {"name": [{"service": "s.S"}], "timeout": "2s"}, {"name": [{}], "timeout": "3s"}]})",
              "{}"}),
    [](const auto& tested) { return tested.param.name; });

TEST(SplitOrderTest, TheOrderOfKeysDoesNotMatter) {
  const absl::StatusOr<ServiceConfig> one =
      ServiceConfig::Parse(R"({"healthCheckConfig": {"serviceName": "s"}, "loadBalancingConfig": [{"a": {"x": 1, "y": 2}}]})");
  const absl::StatusOr<ServiceConfig> other =
      ServiceConfig::Parse(R"({"loadBalancingConfig": [{"a": {"y": 2, "x": 1}}], "healthCheckConfig": {"serviceName": "s"}})");

  ASSERT_TRUE(one.ok() && other.ok());
  EXPECT_EQ(one->channel_json, other->channel_json);
}

}  // namespace
}  // namespace userclient
