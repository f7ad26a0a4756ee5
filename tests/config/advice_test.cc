#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "userclient/service_config.h"

namespace userclient {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> AdviseOn(std::string_view json) {
  const absl::StatusOr<ServiceConfig> config = ServiceConfig::Parse(json);
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? Advise(*config) : std::vector<std::string>();
}

// A config about which there is nothing to say but what stands in `method`.
std::string WithMethod(std::string_view method) {
  return R"({"loadBalancingConfig": [{"round_robin": {}}], "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
             "methodConfig": [{"name": [{"service": "s.S"}]}, {"name": [{}], )" +
         std::string(method) + "}]}";
}

// As WithMethod, with a hedgingPolicy for everything and `extras` for s.S and s.T/A.
std::string WithExtras(std::string_view delay, std::string_view extras) {
  return R"({"loadBalancingConfig": [{"round_robin": {}}], "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
             "methodConfig": [{"name": [{"service": "s.S"}]}, {"name": [{}], "hedgingPolicy": {"maxAttempts": 2, "hedgingDelay": ")" +
         std::string(delay) + R"("}}],
             "userclient": {"methods": [{"name": [{"service": "s.S"}, {"service": "s.T", "method": "A"}], )" +
         std::string(extras) + "}]}}";
}

TEST(AdviceTest, HasNothingToSayAboutASoundPolicy) {
  EXPECT_THAT(
      AdviseOn(WithMethod(R"("timeout": "5s", "retryPolicy": {"maxAttempts": 4, "initialBackoff": "0.05s", "maxBackoff": "1s",
      "backoffMultiplier": 2, "perAttemptRecvTimeout": "1s", "retryableStatusCodes": ["UNAVAILABLE", "DEADLINE_EXCEEDED"]})")),
      IsEmpty());
}

TEST(AdviceTest, AnAttemptTimeoutThatIsNotRetried) {
  EXPECT_THAT(
      AdviseOn(WithMethod(R"("retryPolicy": {"maxAttempts": 4, "initialBackoff": "0.05s", "maxBackoff": "1s",
      "backoffMultiplier": 2, "perAttemptRecvTimeout": "1s", "retryableStatusCodes": ["UNAVAILABLE"]})")),
      ElementsAre(
          "methodConfig[1].retryPolicy.perAttemptRecvTimeout: is set, but retryableStatusCodes lacks DEADLINE_EXCEEDED: an "
          "attempt that times out ends the call"));
}

TEST(AdviceTest, AnAttemptTimeoutThatNeverFires) {
  EXPECT_THAT(
      AdviseOn(WithMethod(R"("timeout": "1s", "retryPolicy": {"maxAttempts": 2, "initialBackoff": "0.05s", "maxBackoff": "1s",
      "backoffMultiplier": 2, "perAttemptRecvTimeout": "1s", "retryableStatusCodes": ["DEADLINE_EXCEEDED"]})")),
      ElementsAre(
          "methodConfig[1].retryPolicy.perAttemptRecvTimeout: never fires: it is not shorter than the timeout of the whole "
          "call (1s)"));
}

TEST(AdviceTest, WaitsThatDoNotFitIntoTheTimeout) {
  // 0.8 * (1 + 2 + 2) s
  EXPECT_THAT(
      AdviseOn(WithMethod(R"("timeout": "4s", "retryPolicy": {"maxAttempts": 4, "initialBackoff": "1s", "maxBackoff": "2s",
      "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]})")),
      ElementsAre(
          "methodConfig[1].retryPolicy.maxAttempts: the waits between 4 attempts take at least 4s, and the timeout of the "
          "whole call is 4s: the last attempts are never made"));
}

TEST(AdviceTest, WaitsThatJustFitIntoTheTimeout) {
  EXPECT_THAT(AdviseOn(WithMethod(R"("timeout": "4.000000001s", "retryPolicy": {"maxAttempts": 4, "initialBackoff": "1s",
      "maxBackoff": "2s", "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]})")),
              IsEmpty());
}

TEST(AdviceTest, NumbersAtTheirLimitsDoNotOverflow) {
  EXPECT_THAT(AdviseOn(WithMethod(R"("timeout": "1s", "retryPolicy": {"maxAttempts": 10, "initialBackoff": "3153600000s",
      "maxBackoff": "3153600000s", "backoffMultiplier": 1e300, "retryableStatusCodes": ["UNAVAILABLE"]})")),
              ElementsAre("methodConfig[1].retryPolicy.maxAttempts: the waits between 10 attempts take at least 4000000000s, and "
                          "the timeout of the whole call is 1s: the last attempts are never made"));
}

TEST(AdviceTest, AnInitialBackoffThatIsCutAtOnce) {
  EXPECT_THAT(
      AdviseOn(WithMethod(R"("retryPolicy": {"maxAttempts": 2, "initialBackoff": "2s", "maxBackoff": "1s",
      "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]})")),
      ElementsAre("methodConfig[1].retryPolicy.initialBackoff: is longer than maxBackoff, so that every wait is maxBackoff"));
}

TEST(AdviceTest, RetriesWithoutThrottling) {
  EXPECT_THAT(
      AdviseOn(R"({"loadBalancingConfig": [{"round_robin": {}}], "methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 2,
      "initialBackoff": "1s", "maxBackoff": "1s", "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}}]})"),
      ElementsAre("retryThrottling: is not set: when every server fails, retries multiply the load; {\"maxTokens\": 100, "
                  "\"tokenRatio\": 0.5} limits them"));
}

TEST(AdviceTest, NoLoadBalancing) {
  EXPECT_THAT(AdviseOn("{}"),
              ElementsAre("loadBalancingConfig: is not set: calls go to all addresses by turns, also to one that fails them all; "
                          "outlier_detection_experimental, as in the shipped files, leaves it out"));
}

TEST(AdviceTest, TheDeprecatedLoadBalancingPolicyIsOneToo) {
  EXPECT_THAT(AdviseOn(R"({"loadBalancingPolicy": "round_robin"})"), IsEmpty());
}

TEST(AdviceTest, HasNothingToSayAboutEnginesThatAreUsedWell) {
  EXPECT_THAT(AdviseOn(WithExtras(
                  "0.5s", R"("hedgingDelayPercentile": 0.95, "staleIfError": {"maxAge": "3600s"}, "singleFlight": true)")),
              IsEmpty());
  EXPECT_THAT(
      AdviseOn(R"({"loadBalancingConfig": [{"round_robin": {}}], "userclient": {"bulkheads": [{"name": "a", "methods": [{}],
      "channels": 2, "maxChannels": 4, "maxConcurrentCalls": 9, "maxWait": "1s", "circuitBreaker": {}}]}})"),
      IsEmpty());
}

TEST(AdviceTest, HedgingWithoutThrottling) {
  EXPECT_THAT(
      AdviseOn(
          R"({"loadBalancingConfig": [{"round_robin": {}}], "methodConfig": [{"name": [{}], "hedgingPolicy": {"maxAttempts": 2}}]})"),
      ElementsAre("retryThrottling: is not set: when every server is slow, hedges multiply the load; {\"maxTokens\": 100, "
                  "\"tokenRatio\": 0.5} limits them"));
}

TEST(AdviceTest, APercentileWhoseUpperBoundIsNothing) {
  // s.S has an entry of its own, without hedging.
  EXPECT_THAT(
      AdviseOn(WithExtras("0s", R"("hedgingDelayPercentile": 0.95)")),
      ElementsAre("userclient.methods[0].hedgingDelayPercentile: does nothing for s.T/A: hedgingDelay is its upper bound, "
                  "and that is 0s"));
}

TEST(AdviceTest, AnswersThatAreMoreThanAnHourOld) {
  EXPECT_THAT(AdviseOn(WithExtras("0.5s", R"("staleIfError": {"maxAge": "3600.5s"})")),
              ElementsAre("userclient.methods[0].staleIfError.maxAge: is 3600.5s: answers that are more than an hour old are "
                          "rarely meant"));
}

}  // namespace
}  // namespace userclient
