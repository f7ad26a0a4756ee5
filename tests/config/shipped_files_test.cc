#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/config/files.h"
#include "userclient/service_config.h"

namespace userclient {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::string_view kService = "user.v1.UserService";

std::set<std::string> MethodsOfTheProto() {
  const std::string proto = ReadText(SourceFile("proto/user/v1/user_service.proto"));
  const std::regex rpc(R"(\n\s*rpc\s+(\w+)\s*\()");
  std::set<std::string> methods;
  for (std::sregex_iterator match(proto.begin(), proto.end(), rpc), end; match != end; ++match) methods.insert((*match)[1]);
  return methods;
}

bool Names(const std::vector<MethodName>& names, const std::string& method) {
  return std::find(names.begin(), names.end(), MethodName{std::string(kService), method}) != names.end();
}

TEST(ShippedFilesTest, ThereAreADefaultAProductionAndAHedgingConfig) {
  EXPECT_THAT(ShippedConfigs(), Contains(SourceFile("service_config/default.json")));
  EXPECT_THAT(ShippedConfigs(), Contains(SourceFile("service_config/production.json")));
  EXPECT_THAT(ShippedConfigs(), Contains(SourceFile("service_config/hedging.json")));
}

TEST(ShippedFilesTest, TheProtoHasSevenMethods) { EXPECT_THAT(MethodsOfTheProto(), SizeIs(7)); }

class ShippedFileTest : public ::testing::TestWithParam<std::filesystem::path> {
 protected:
  void SetUp() override {
    absl::StatusOr<ServiceConfig> config = ServiceConfig::Load(GetParam());
    ASSERT_TRUE(config.ok()) << config.status();
    config_ = *std::move(config);
  }

  ServiceConfig config_;
};

TEST_P(ShippedFileTest, GivesNoCauseForAdvice) { EXPECT_THAT(Advise(config_), IsEmpty()); }

TEST_P(ShippedFileTest, ConfiguresEveryMethodOfTheProtoByName) {
  for (const std::string& method : MethodsOfTheProto()) {
    const MethodConfig* config = config_.FindMethod(kService, method);
    const BulkheadConfig* bulkhead = config_.FindBulkhead(kService, method);

    ASSERT_NE(config, nullptr) << method;
    EXPECT_TRUE(Names(config->names, method)) << method;
    EXPECT_TRUE(config->timeout.has_value()) << method;
    ASSERT_NE(bulkhead, nullptr) << method;
    EXPECT_TRUE(Names(bulkhead->methods, method)) << method;
  }
}

TEST_P(ShippedFileTest, NamesNoMethodThatTheProtoDoesNotHave) {
  const std::set<std::string> methods = MethodsOfTheProto();
  for (const MethodConfig& entry : config_.methods) {
    for (const MethodName& name : entry.names) EXPECT_THAT(methods, Contains(name.method));
  }
  for (const BulkheadConfig& bulkhead : config_.bulkheads) {
    for (const MethodName& name : bulkhead.methods) EXPECT_THAT(methods, Contains(name.method));
  }
  for (const MethodExtras& entry : config_.extras) {
    for (const MethodName& name : entry.names) EXPECT_THAT(methods, Contains(name.method));
  }
}

TEST_P(ShippedFileTest, GuardsEveryCompartment) {
  for (const BulkheadConfig& bulkhead : config_.bulkheads) {
    EXPECT_TRUE(bulkhead.max_concurrent_calls.has_value()) << bulkhead.name;
    EXPECT_TRUE(bulkhead.circuit_breaker.has_value() || bulkhead.name == "streams") << bulkhead.name;
  }
}

TEST_P(ShippedFileTest, LeavesTimeForEveryHedge) {
  for (const MethodConfig& entry : config_.methods) {
    if (!entry.hedging_policy.has_value()) continue;
    const HedgingPolicy& hedging = *entry.hedging_policy;

    EXPECT_LE(hedging.hedging_delay * (hedging.max_attempts - 1) * 2, entry.timeout.value()) << entry.names.front().method;
  }
}

TEST_P(ShippedFileTest, LeavesTimeForEveryAttempt) {
  for (const MethodConfig& entry : config_.methods) {
    if (!entry.retry_policy.has_value()) continue;
    const RetryPolicy& retry = *entry.retry_policy;
    double wait = static_cast<double>(retry.initial_backoff.count());
    double needed = static_cast<double>(retry.per_attempt_recv_timeout.value().count()) * retry.max_attempts;
    for (int retries = 1; retries < retry.max_attempts; ++retries) {
      needed += 1.2 * std::min(wait, static_cast<double>(retry.max_backoff.count()));
      wait *= retry.backoff_multiplier;
    }

    EXPECT_LE(needed, static_cast<double>(entry.timeout.value().count())) << entry.names.front().method;
  }
}

/// What gRPC is told of pods that fail.
nlohmann::json OutlierDetection(const std::filesystem::path& file) {
  return nlohmann::json::parse(ReadText(file)).at("loadBalancingConfig").at(0).at("outlier_detection_experimental");
}

TEST_P(ShippedFileTest, EjectsPodsThatFail) {
  const nlohmann::json detection = OutlierDetection(GetParam());
  const nlohmann::json& ejection = detection.at("failurePercentageEjection");

  // gRPC 1.51 takes 0 unless told: it would count failures and eject nobody.
  EXPECT_EQ(ejection.at("enforcementPercentage"), 100);
  // One pod of two that is well must be enough to tell which one is sick.
  EXPECT_EQ(ejection.at("minimumHosts"), 2);
  // gRPC in C++ takes 30s unless told, and a pod that stays sick would be tried every half minute.
  EXPECT_EQ(detection.at("maxEjectionTime"), "300s");
}

TEST_P(ShippedFileTest, EjectsNoPodForTheHedgesThatItLoses) {
  int most_attempts = 1;
  for (const MethodConfig& entry : config_.methods) {
    if (entry.hedging_policy) most_attempts = std::max(most_attempts, entry.hedging_policy->max_attempts);
  }
  const double lost_by_a_healthy_pod = 100.0 * (most_attempts - 1) / most_attempts;

  // While every pod is slow, every call is hedged, and all attempts but one are cancelled, which gRPC counts as failed.
  EXPECT_GT(OutlierDetection(GetParam()).at("failurePercentageEjection").at("threshold").get<double>(), lost_by_a_healthy_pod);
}

TEST_P(ShippedFileTest, EjectsAsTheBuiltInConfigDoes) {
  auto tested = OutlierDetection(GetParam());
  auto built_in = OutlierDetection(SourceFile("service_config/default.json"));

  // The built-in config is content with fewer calls a second; see docs/service_config.md.
  tested.erase("interval");
  built_in.erase("interval");
  EXPECT_EQ(tested, built_in);
}

TEST_P(ShippedFileTest, RetriesTheCallsOfOneSickPodOfThree) {
  const RetryThrottling& throttling = config_.retry_throttling.value();

  // One failure for two successes must not use the tokens up.
  EXPECT_GE(2 * throttling.milli_token_ratio, 1000);
}

TEST_P(ShippedFileTest, PointsEditorsToTheSchema) {
  const auto json = nlohmann::json::parse(ReadText(GetParam()));

  const std::filesystem::path schema = GetParam().parent_path() / json.at("$schema").get<std::string>();

  EXPECT_TRUE(std::filesystem::equivalent(schema, SourceFile("service_config/userclient.schema.json")));
}

INSTANTIATE_TEST_SUITE_P(ShippedFiles, ShippedFileTest, ::testing::ValuesIn(ShippedConfigs()),
                         [](const auto& tested) { return tested.param.stem().string(); });

}  // namespace
}  // namespace userclient
