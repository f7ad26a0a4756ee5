#include "userclient/service_config.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <string_view>
#include <thread>

#include "absl/status/status.h"
#include "config/default_service_config.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/config/files.h"

namespace userclient {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::StartsWith;

ServiceConfig ParseOrDie(std::string_view json) {
  absl::StatusOr<ServiceConfig> config = ServiceConfig::Parse(json);
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? *std::move(config) : ServiceConfig();
}

// A directory that is gone after the test.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "userclient_config_XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  std::filesystem::path Write(std::string_view name, std::string_view text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
    return path_ / name;
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

TEST(ServiceConfigTest, AnEmptyObjectIsAConfigWithNothingInIt) {
  const ServiceConfig config = ParseOrDie("{}");

  EXPECT_TRUE(config.methods.empty());
  EXPECT_FALSE(config.retry_throttling.has_value());
  EXPECT_TRUE(config.bulkheads.empty());
  EXPECT_TRUE(config.extras.empty());
  EXPECT_EQ(config.dns_refresh, 5s);
  EXPECT_EQ(config.channel_json, "{}");
}

TEST(ServiceConfigTest, ReadsAMethodWithRetries) {
  const ServiceConfig config = ParseOrDie(R"({"methodConfig": [{
      "name": [{"service": "s.S", "method": "A"}, {"service": "s.T"}, {}],
      "timeout": "1.5s",
      "retryPolicy": {"maxAttempts": 10, "initialBackoff": "0.05s", "maxBackoff": "1s", "backoffMultiplier": 1.3,
                      "perAttemptRecvTimeout": "0.3s", "retryableStatusCodes": ["UNAVAILABLE", "ABORTED"]}}]})");

  ASSERT_EQ(config.methods.size(), 1u);
  const MethodConfig& method = config.methods[0];
  EXPECT_THAT(method.names, ElementsAre(MethodName{"s.S", "A"}, MethodName{"s.T", ""}, MethodName{"", ""}));
  EXPECT_EQ(method.timeout, 1500ms);
  EXPECT_FALSE(method.hedging_policy.has_value());
  ASSERT_TRUE(method.retry_policy.has_value());
  EXPECT_EQ(method.retry_policy->max_attempts, 10);
  EXPECT_EQ(method.retry_policy->initial_backoff, 50ms);
  EXPECT_EQ(method.retry_policy->max_backoff, 1s);
  EXPECT_EQ(method.retry_policy->backoff_multiplier, 1.3);
  EXPECT_EQ(method.retry_policy->per_attempt_recv_timeout, 300ms);
  EXPECT_EQ(method.retry_policy->retryable_status_codes,
            (StatusCodeSet{absl::StatusCode::kUnavailable, absl::StatusCode::kAborted}));
}

TEST(ServiceConfigTest, WhatAMethodLeavesOutIsAbsent) {
  const ServiceConfig config =
      ParseOrDie(R"({"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 2, "initialBackoff": "2s",
      "maxBackoff": "1s", "backoffMultiplier": 1, "retryableStatusCodes": ["UNAVAILABLE"]}}]})");

  ASSERT_EQ(config.methods.size(), 1u);
  EXPECT_EQ(config.methods[0].timeout, std::nullopt);
  EXPECT_EQ(config.methods[0].retry_policy->per_attempt_recv_timeout, std::nullopt);
}

TEST(ServiceConfigTest, ReadsHedging) {
  const ServiceConfig config = ParseOrDie(R"({"methodConfig": [
      {"name": [{"service": "s.S"}], "hedgingPolicy": {"maxAttempts": 3, "hedgingDelay": "0.2s", "nonFatalStatusCodes": ["INTERNAL"]}},
      {"name": [{"service": "s.T"}], "hedgingPolicy": {"maxAttempts": 2, "nonFatalStatusCodes": []}}]})");

  ASSERT_EQ(config.methods.size(), 2u);
  EXPECT_EQ(config.methods[0].hedging_policy->max_attempts, 3);
  EXPECT_EQ(config.methods[0].hedging_policy->hedging_delay, 200ms);
  EXPECT_EQ(config.methods[0].hedging_policy->non_fatal_status_codes, StatusCodeSet{absl::StatusCode::kInternal});
  EXPECT_EQ(config.methods[1].hedging_policy->hedging_delay, 0s);
  EXPECT_TRUE(config.methods[1].hedging_policy->non_fatal_status_codes.empty());
}

TEST(ServiceConfigTest, ReadsEveryStatusCodeByItsName) {
  const ServiceConfig config =
      ParseOrDie(R"({"methodConfig": [{"name": [{}], "hedgingPolicy": {"maxAttempts": 2, "nonFatalStatusCodes": [
      "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
      "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
      "UNAUTHENTICATED"]}}]})");

  EXPECT_EQ(config.methods[0].hedging_policy->non_fatal_status_codes,
            (StatusCodeSet{absl::StatusCode::kCancelled, absl::StatusCode::kUnknown, absl::StatusCode::kInvalidArgument,
                           absl::StatusCode::kDeadlineExceeded, absl::StatusCode::kNotFound, absl::StatusCode::kAlreadyExists,
                           absl::StatusCode::kPermissionDenied, absl::StatusCode::kResourceExhausted,
                           absl::StatusCode::kFailedPrecondition, absl::StatusCode::kAborted, absl::StatusCode::kOutOfRange,
                           absl::StatusCode::kUnimplemented, absl::StatusCode::kInternal, absl::StatusCode::kUnavailable,
                           absl::StatusCode::kDataLoss, absl::StatusCode::kUnauthenticated}));
}

TEST(ServiceConfigTest, ReadsRetryThrottlingExactly) {
  const ServiceConfig tenth = ParseOrDie(R"({"retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1}})");
  const ServiceConfig least = ParseOrDie(R"({"retryThrottling": {"maxTokens": 1, "tokenRatio": 0.001}})");
  const ServiceConfig odd = ParseOrDie(R"({"retryThrottling": {"maxTokens": 999, "tokenRatio": 0.285}})");
  const ServiceConfig most = ParseOrDie(R"({"retryThrottling": {"maxTokens": 1000, "tokenRatio": 1000}})");

  EXPECT_EQ(tenth.retry_throttling->max_tokens, 10);
  EXPECT_EQ(tenth.retry_throttling->milli_token_ratio, 100);
  EXPECT_EQ(least.retry_throttling->milli_token_ratio, 1);
  EXPECT_EQ(odd.retry_throttling->milli_token_ratio, 285);
  EXPECT_EQ(most.retry_throttling->milli_token_ratio, 1'000'000);
}

TEST(ServiceConfigTest, ReadsBulkheads) {
  const ServiceConfig config = ParseOrDie(R"({"userclient": {"dnsRefresh": "0.1s", "bulkheads": [
      {"name": "reads", "methods": [{"service": "s.S", "method": "A"}], "channels": 64, "maxConcurrentCalls": 256, "maxWait": "0.02s",
       "circuitBreaker": {"window": "0.1s", "minimumCalls": 1, "failureRatio": 1, "openDuration": "2s", "maxOpenDuration": "2s",
                          "halfOpenProbes": 7}},
      {"name": "the_rest-2", "methods": [{}], "circuitBreaker": {}}]}})");

  EXPECT_EQ(config.dns_refresh, 100ms);
  ASSERT_EQ(config.bulkheads.size(), 2u);
  const BulkheadConfig& reads = config.bulkheads[0];
  EXPECT_EQ(reads.name, "reads");
  EXPECT_THAT(reads.methods, ElementsAre(MethodName{"s.S", "A"}));
  EXPECT_EQ(reads.channels, 64);
  EXPECT_EQ(reads.max_concurrent_calls, 256);
  EXPECT_EQ(reads.max_wait, 20ms);
  ASSERT_TRUE(reads.circuit_breaker.has_value());
  EXPECT_EQ(reads.circuit_breaker->window, 100ms);
  EXPECT_EQ(reads.circuit_breaker->minimum_calls, 1);
  EXPECT_EQ(reads.circuit_breaker->failure_ratio, 1);
  EXPECT_EQ(reads.circuit_breaker->open_duration, 2s);
  EXPECT_EQ(reads.circuit_breaker->max_open_duration, 2s);
  EXPECT_EQ(reads.circuit_breaker->half_open_probes, 7);
  const BulkheadConfig& rest = config.bulkheads[1];
  EXPECT_EQ(rest.name, "the_rest-2");
  EXPECT_EQ(rest.channels, 1);
  EXPECT_FALSE(rest.adaptive_limit.has_value());
  EXPECT_EQ(rest.max_concurrent_calls, std::nullopt);
  EXPECT_EQ(rest.max_wait, 0s);
  EXPECT_EQ(rest.circuit_breaker->window, CircuitBreakerOptions().window);
}

TEST(ServiceConfigTest, ReadsWhatABreakerMayHaveMore) {
  const ServiceConfig config = ParseOrDie(R"({"userclient": {"bulkheads": [
      {"name": "a", "methods": [{"service": "s.S"}], "circuitBreaker": {"halfOpenProbes": 16383, "maxProbesInFlight": 16383,
       "maxHalfOpen": "3s", "healthyAfter": "120s", "consecutiveFailures": 5, "slowCallDuration": "0.8s", "slowCallRatio": 0.25}},
      {"name": "b", "methods": [{}], "circuitBreaker": {"slowCallDuration": "1s"}},
      {"name": "c", "methods": [{"service": "s.T"}], "circuitBreaker": {}}]}})");

  ASSERT_EQ(config.bulkheads.size(), 3u);
  const CircuitBreakerOptions& all = *config.bulkheads[0].circuit_breaker;
  EXPECT_EQ(all.half_open_probes, 16383);
  EXPECT_EQ(all.max_probes_in_flight, 16383);
  EXPECT_EQ(all.max_half_open, 3s);
  EXPECT_EQ(all.healthy_after, 120s);
  EXPECT_EQ(all.consecutive_failures, 5);
  EXPECT_EQ(all.slow_call_duration, 800ms);
  EXPECT_EQ(all.slow_call_ratio, 0.25);
  EXPECT_EQ(config.bulkheads[1].circuit_breaker->slow_call_duration, 1s);
  EXPECT_EQ(config.bulkheads[1].circuit_breaker->slow_call_ratio, 1);
  const CircuitBreakerOptions& none = *config.bulkheads[2].circuit_breaker;
  EXPECT_EQ(none.max_probes_in_flight, 1);
  EXPECT_EQ(none.max_half_open, 10s);
  EXPECT_EQ(none.healthy_after, 60s);
  EXPECT_EQ(none.consecutive_failures, std::nullopt);
  EXPECT_EQ(none.slow_call_duration, std::nullopt);
}

TEST(ServiceConfigTest, ThePoolGrowsOnlyIfItIsToldTo) {
  const ServiceConfig config = ParseOrDie(R"({"userclient": {"bulkheads": [
      {"name": "grows", "methods": [{"service": "s.S"}], "channels": 2, "maxChannels": 64},
      {"name": "stays", "methods": [{"service": "s.T"}], "channels": 3},
      {"name": "grows_from_one", "methods": [{"service": "s.U"}], "maxChannels": 2}]}})");

  ASSERT_EQ(config.bulkheads.size(), 3u);
  EXPECT_EQ(config.bulkheads[0].channels, 2);
  EXPECT_EQ(config.bulkheads[0].max_channels, 64);
  EXPECT_EQ(config.bulkheads[1].max_channels, 3);
  EXPECT_EQ(config.bulkheads[2].channels, 1);
  EXPECT_EQ(config.bulkheads[2].max_channels, 2);
}

TEST(ServiceConfigTest, ReadsAdaptiveLimits) {
  using Algorithm = AdaptiveLimitOptions::Algorithm;
  const ServiceConfig config = ParseOrDie(R"({"userclient": {"bulkheads": [
      {"name": "gradient", "methods": [{"service": "s.S"}], "maxWait": "0.01s", "adaptiveLimit": {"algorithm": "gradient",
       "initialLimit": 1, "minLimit": 1, "maxLimit": 1, "window": "0.1s", "minimumSamples": 7, "dropRatio": 1,
       "remeasureEvery": "60s"}},
      {"name": "aimd", "methods": [{"service": "s.T"}], "adaptiveLimit": {"algorithm": "aimd", "timeout": "0.7s",
       "maxLimit": 100000}},
      {"name": "usual", "methods": [{}], "adaptiveLimit": {}}]}})");

  ASSERT_EQ(config.bulkheads.size(), 3u);
  EXPECT_EQ(config.bulkheads[0].max_wait, 10ms);
  EXPECT_EQ(config.bulkheads[0].max_concurrent_calls, std::nullopt);
  const AdaptiveLimitOptions& gradient = config.bulkheads[0].adaptive_limit.value();
  EXPECT_EQ(gradient.algorithm, Algorithm::kGradient);
  EXPECT_EQ(gradient.initial, 1);
  EXPECT_EQ(gradient.minimum, 1);
  EXPECT_EQ(gradient.maximum, 1);
  EXPECT_EQ(gradient.window, 100ms);
  EXPECT_EQ(gradient.minimum_samples, 7);
  EXPECT_EQ(gradient.drop_ratio, 1);
  EXPECT_EQ(gradient.remeasure_every, 60s);
  const AdaptiveLimitOptions& aimd = config.bulkheads[1].adaptive_limit.value();
  EXPECT_EQ(aimd.algorithm, Algorithm::kAimd);
  EXPECT_EQ(aimd.timeout, 700ms);
  EXPECT_EQ(aimd.maximum, 100000);
  EXPECT_EQ(aimd.remeasure_every, std::nullopt);
  const AdaptiveLimitOptions& usual = config.bulkheads[2].adaptive_limit.value();
  EXPECT_EQ(usual.algorithm, Algorithm::kGradient);
  EXPECT_EQ(usual.initial, AdaptiveLimitOptions().initial);
  EXPECT_EQ(usual.minimum, AdaptiveLimitOptions().minimum);
}

TEST(ServiceConfigTest, ReadsExtrasOfMethods) {
  const ServiceConfig config = ParseOrDie(R"({"userclient": {"methods": [
      {"name": [{"service": "s.S", "method": "A"}, {"service": "s.T"}], "hedgingDelayPercentile": 0.95, "singleFlight": true,
       "staleIfError": {"maxAge": "60s", "maxBytes": 1099511627776}},
      {"name": [{"service": "s.S"}], "staleIfError": {}},
      {"name": [{"service": "s.S", "method": "B"}], "singleFlight": false}]}})");

  ASSERT_EQ(config.extras.size(), 3u);
  const MethodExtras& all = config.extras[0];
  EXPECT_THAT(all.names, ElementsAre(MethodName{"s.S", "A"}, MethodName{"s.T", ""}));
  EXPECT_EQ(all.hedging_delay_percentile, 0.95);
  EXPECT_EQ(all.stale_if_error.value().max_age, 60s);
  EXPECT_EQ(all.stale_if_error.value().max_bytes, int64_t{1} << 40);
  EXPECT_TRUE(all.single_flight);
  const MethodExtras& stale = config.extras[1];
  EXPECT_EQ(stale.hedging_delay_percentile, std::nullopt);
  EXPECT_EQ(stale.stale_if_error.value().max_age, 5min);
  EXPECT_EQ(stale.stale_if_error.value().max_bytes, 16 * 1024 * 1024);
  EXPECT_FALSE(stale.single_flight);
  const MethodExtras& off = config.extras[2];
  EXPECT_EQ(off.stale_if_error.has_value(), false);
  EXPECT_FALSE(off.single_flight);
}

TEST(ServiceConfigTest, TheMostExactNameFindsTheExtras) {
  const ServiceConfig config = ParseOrDie(R"({"userclient": {"methods": [
      {"name": [{}], "singleFlight": true},
      {"name": [{"service": "s.S"}], "singleFlight": true},
      {"name": [{"service": "s.S", "method": "A"}], "singleFlight": false}]}})");

  EXPECT_EQ(config.FindExtras("s.S", "A"), &config.extras[2]);
  EXPECT_EQ(config.FindExtras("s.S", "B"), &config.extras[1]);
  EXPECT_EQ(config.FindExtras("s.T", "A"), &config.extras[0]);
  EXPECT_EQ(ParseOrDie("{}").FindExtras("s.S", "A"), nullptr);
}

TEST(ServiceConfigTest, AMethodMayStandInAMethodConfigAndInABulkhead) {
  const absl::StatusOr<ServiceConfig> config = ServiceConfig::Parse(R"({
      "methodConfig": [{"name": [{"service": "s.S", "method": "A"}]}],
      "userclient": {"bulkheads": [{"name": "a", "methods": [{"service": "s.S", "method": "A"}]}]}})");

  EXPECT_TRUE(config.ok()) << config.status();
}

TEST(ServiceConfigTest, TakesEveryKeyThatTheChannelExecutes) {
  const absl::StatusOr<ServiceConfig> config = ServiceConfig::Parse(R"({"$schema": "x.json", "loadBalancingPolicy": "round_robin",
      "loadBalancingConfig": [{"a": {"anything": [1]}}, {"round_robin": {}}], "healthCheckConfig": {"serviceName": ""},
      "methodConfig": [{"name": [{}], "waitForReady": true, "maxRequestMessageBytes": 0, "maxResponseMessageBytes": 4294967295}]})");

  EXPECT_TRUE(config.ok()) << config.status();
}

TEST(ServiceConfigTest, TheMostExactNameFindsTheMethodConfig) {
  const ServiceConfig config = ParseOrDie(R"({"methodConfig": [
      {"name": [{}]},
      {"name": [{"service": "s.S"}, {"service": "s.T", "method": "B"}]},
      {"name": [{"service": "s.S", "method": "A"}]}]})");

  EXPECT_EQ(config.FindMethod("s.S", "A"), &config.methods[2]);
  EXPECT_EQ(config.FindMethod("s.S", "B"), &config.methods[1]);
  EXPECT_EQ(config.FindMethod("s.T", "B"), &config.methods[1]);
  EXPECT_EQ(config.FindMethod("s.T", "A"), &config.methods[0]);
}

TEST(ServiceConfigTest, TheOrderOfEntriesDoesNotMatter) {
  const ServiceConfig config = ParseOrDie(R"({"methodConfig": [
      {"name": [{"service": "s.S", "method": "A"}]},
      {"name": [{"service": "s.S"}]},
      {"name": [{}]}]})");

  EXPECT_EQ(config.FindMethod("s.S", "A"), &config.methods[0]);
  EXPECT_EQ(config.FindMethod("s.S", "B"), &config.methods[1]);
  EXPECT_EQ(config.FindMethod("s.T", "A"), &config.methods[2]);
}

TEST(ServiceConfigTest, AMethodThatNothingNamesHasNoMethodConfig) {
  const ServiceConfig config = ParseOrDie(R"({"methodConfig": [{"name": [{"service": "s.S", "method": "A"}]}]})");

  EXPECT_EQ(config.FindMethod("s.S", "B"), nullptr);
  EXPECT_EQ(config.FindMethod("s.s", "A"), nullptr);
  EXPECT_EQ(config.FindMethod("", ""), nullptr);
}

TEST(ServiceConfigTest, TheMostExactNameFindsTheBulkhead) {
  const ServiceConfig config = ParseOrDie(R"({"userclient": {"bulkheads": [
      {"name": "service", "methods": [{"service": "s.S"}]},
      {"name": "method", "methods": [{"service": "s.S", "method": "A"}]}]}})");

  EXPECT_EQ(config.FindBulkhead("s.S", "A"), &config.bulkheads[1]);
  EXPECT_EQ(config.FindBulkhead("s.S", "B"), &config.bulkheads[0]);
  EXPECT_EQ(config.FindBulkhead("s.T", "A"), nullptr);
}

TEST(ServiceConfigTest, DefaultIsTheShippedFile) {
  EXPECT_EQ(internal::kDefaultServiceConfig, ReadText(SourceFile("service_config/default.json")));
  EXPECT_NE(ServiceConfig::Default().FindMethod("user.v1.UserService", "GetUser"), nullptr);
}

TEST(ServiceConfigTest, LoadsAFile) {
  const TemporaryDirectory directory;
  const std::filesystem::path file = directory.Write("good.json", R"({"retryThrottling": {"maxTokens": 7, "tokenRatio": 1}})");

  const absl::StatusOr<ServiceConfig> config = ServiceConfig::Load(file);

  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->retry_throttling->max_tokens, 7);
}

TEST(ServiceConfigTest, NamesTheFileOfAMistake) {
  const TemporaryDirectory directory;
  const std::filesystem::path file = directory.Write("bad.json", R"({"methodConfig": [{"name": [{}], "retryPolcy": {}}]})");

  const absl::StatusOr<ServiceConfig> config = ServiceConfig::Load(file);

  EXPECT_EQ(config.status(),
            absl::InvalidArgumentError(file.string() + ": methodConfig[0].retryPolcy: unknown key; did you mean retryPolicy?"));
}

TEST(ServiceConfigTest, NamesTheFileThatIsNotThere) {
  const TemporaryDirectory directory;
  const std::filesystem::path file = directory.path() / "absent.json";

  const absl::StatusOr<ServiceConfig> config = ServiceConfig::Load(file);

  EXPECT_EQ(config.status(), absl::NotFoundError(file.string() + ": cannot be read: No such file or directory"));
}

TEST(ServiceConfigTest, NamesTheFileThatMayNotBeRead) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const TemporaryDirectory directory;
  const std::filesystem::path file = directory.Write("secret.json", "{}");
  std::filesystem::permissions(file, std::filesystem::perms::none);

  const absl::StatusOr<ServiceConfig> config = ServiceConfig::Load(file);

  EXPECT_EQ(config.status(), absl::PermissionDeniedError(file.string() + ": cannot be read: Permission denied"));
}

TEST(ServiceConfigTest, RefusesADirectory) {
  const TemporaryDirectory directory;

  const absl::StatusOr<ServiceConfig> config = ServiceConfig::Load(directory.path());

  EXPECT_EQ(config.status(), absl::UnknownError(directory.path().string() + ": cannot be read: Is a directory"));
}

TEST(ServiceConfigTest, DoesNotWaitForSomebodyToWriteIntoAPipe) {
  const TemporaryDirectory directory;
  const std::filesystem::path pipe = directory.path() / "pipe.json";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);

  std::future<absl::StatusOr<ServiceConfig>> config = std::async(std::launch::async, [&] { return ServiceConfig::Load(pipe); });
  const std::future_status ended = config.wait_for(20s);
  // Who waits is let go, so that the test ends.
  close(open(pipe.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));

  EXPECT_EQ(ended, std::future_status::ready);
  EXPECT_THAT(std::string(config.get().status().message()), StartsWith(pipe.string() + ": line 1, column 1: "));
}

TEST(ServiceConfigTest, LoadsWhatSomebodyWritesIntoAPipe) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(pipe2(pipe.data(), O_CLOEXEC), 0);
  std::future<absl::StatusOr<ServiceConfig>> config =
      std::async(std::launch::async, [&] { return ServiceConfig::Load("/dev/fd/" + std::to_string(pipe[0])); });

  for (const std::string_view part : {R"({"retryThrottling": )", R"({"maxTokens": 7, "tokenRatio": 1}})"}) {
    // So that it may find nothing, or half of it.
    std::this_thread::yield();
    ASSERT_EQ(write(pipe[1], part.data(), part.size()), static_cast<ssize_t>(part.size()));
  }
  close(pipe[1]);

  ASSERT_TRUE(config.get().ok());
  close(pipe[0]);
}

TEST(ServiceConfigTest, RefusesAFileWithoutAnEnd) {
  const absl::StatusOr<ServiceConfig> config = ServiceConfig::Load("/dev/zero");

  EXPECT_EQ(config.status(), absl::InvalidArgumentError("/dev/zero: larger than 1 MiB, which no service config is"));
}

TEST(ServiceConfigTest, CountsAllMistakesAndNamesTheFirstHundred) {
  std::string entries;
  for (int i = 0; i < 5000; ++i) entries += ",7";

  const absl::Status status = ServiceConfig::Parse(R"({"methodConfig": [7)" + entries + "]}").status();

  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), StartsWith("5001 problems:\n  methodConfig[0]: must be an object, not 7\n"));
  EXPECT_THAT(std::string(status.message()), EndsWith("\n  methodConfig[99]: must be an object, not 7\n  and 4901 more"));
}

}  // namespace
}  // namespace userclient
