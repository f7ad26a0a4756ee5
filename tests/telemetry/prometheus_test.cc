// The metrics that Prometheus gets: names, labels and numbers.

#include "userclient/prometheus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/client_metric.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <future>
#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "telemetry/labels.h"
#include "telemetry/metric.h"
#include "tests/server/temporary_directory.h"
#include "tests/support/scripted_service.h"
#include "tests/support/test_client.h"
#include "tests/telemetry/await.h"
#include "userclient/testing/flaky_user_server.h"

#if defined(__SANITIZE_ADDRESS__)
// c-ares 1.18 loses ten bytes whenever gRPC looks "localhost" up.
extern "C" const char* __lsan_default_suppressions() { return "leak:libcares"; }
#endif

namespace userclient::testing {
namespace {

using absl::StatusCode;
using nlohmann::json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;
using namespace std::chrono_literals;

using Labels = std::map<std::string, std::string>;

constexpr char kGetUser[] = "user.v1.UserService/GetUser";

class PrometheusTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 1});
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));
    target_ = "dns:///" + server_->address();
    auto metrics = PrometheusObserver::Create();
    ASSERT_TRUE(metrics.ok()) << metrics.status();
    metrics_ = *std::move(metrics);
  }

  UserClient Connect(const std::string& config, const std::string& target = "") {
    auto client = UserClient::Create({.target = target.empty() ? server_->address() : target,
                                      .credentials = Credentials::Insecure(),
                                      .service_config_json = config,
                                      .observers = {metrics_}});
    if (!client.ok()) {
      ADD_FAILURE() << client.status();
      std::abort();
    }
    return *std::move(client);
  }

  /// The series of a metric, by their labels.
  std::map<Labels, prometheus::ClientMetric> Series(const std::string& name) const {
    std::map<Labels, prometheus::ClientMetric> series;
    for (const prometheus::MetricFamily& family : metrics_->collectable()->Collect()) {
      if (family.name != name) continue;
      for (const prometheus::ClientMetric& metric : family.metric) {
        Labels labels;
        for (const auto& label : metric.label) labels[label.name] = label.value;
        EXPECT_TRUE(series.emplace(labels, metric).second) << name << " has two series with the same labels";
      }
    }
    return series;
  }

  std::map<Labels, double> Counters(const std::string& name) const {
    std::map<Labels, double> values;
    for (const auto& [labels, metric] : Series(name)) values[labels] = metric.counter.value;
    return values;
  }

  /// Those of which there was one at least.
  std::map<Labels, double> Counted(const std::string& name) const {
    std::map<Labels, double> values = Counters(name);
    std::erase_if(values, [](const auto& counted) { return counted.second == 0; });
    return values;
  }

  std::map<Labels, double> Gauges(const std::string& name) const {
    std::map<Labels, double> values;
    for (const auto& [labels, metric] : Series(name)) values[labels] = metric.gauge.value;
    return values;
  }

  /// How often, and the sum of what, was observed.
  std::map<Labels, std::pair<uint64_t, double>> Histograms(const std::string& name) const {
    std::map<Labels, std::pair<uint64_t, double>> values;
    for (const auto& [labels, metric] : Series(name)) {
      values[labels] = {metric.histogram.sample_count, metric.histogram.sample_sum};
    }
    return values;
  }

  std::map<Labels, uint64_t> HistogramCounts(const std::string& name) const {
    std::map<Labels, uint64_t> counts;
    for (const auto& [labels, value] : Histograms(name)) counts[labels] = value.first;
    return counts;
  }

  Labels OfGetUser(Labels more = {}) const {
    more.merge(Labels{{"grpc_method", kGetUser}, {"grpc_target", target_}});
    return more;
  }
  Labels OfReads(Labels more = {}) const {
    more.merge(Labels{{"userclient_compartment", "reads"}, {"grpc_target", target_}});
    return more;
  }

  std::string target_;
  std::shared_ptr<PrometheusObserver> metrics_;
  std::optional<FlakyUserServer> server_;
};

TEST_F(PrometheusTest, CountsCallsAndAttemptsByTheNamesOfA66AndA96) {
  const UserClient client = Connect(RetryConfig());
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable), Fail(StatusCode::kUnavailable), Ok()});

  ASSERT_TRUE(client.GetUser(AskFor("u-1")).ok());
  ASSERT_TRUE(client.GetUserAsync(AskFor("u-1")).Get().ok());

  EXPECT_THAT(HistogramCounts("grpc_client_call_duration_seconds"), ElementsAre(Pair(OfGetUser({{"grpc_status", "OK"}}), 2)));
  EXPECT_THAT(Counters("grpc_client_attempt_started_total"), ElementsAre(Pair(OfGetUser(), 4)));
  EXPECT_THAT(
      HistogramCounts("grpc_client_attempt_duration_seconds"),
      UnorderedElementsAre(Pair(OfGetUser({{"grpc_status", "OK"}}), 2), Pair(OfGetUser({{"grpc_status", "UNAVAILABLE"}}), 2)));
  EXPECT_THAT(Histograms("grpc_client_call_retries"), ElementsAre(Pair(OfGetUser(), Pair(1, 2))));
  EXPECT_THAT(HistogramCounts("grpc_client_call_retry_delay_seconds"), ElementsAre(Pair(OfGetUser(), 1)));
  EXPECT_THAT(Histograms("grpc_client_call_hedges"), IsEmpty());
  EXPECT_THAT(Counters("userclient_attempts_total"), UnorderedElementsAre(Pair(OfGetUser({{"userclient_reason", "first"}}), 2),
                                                                          Pair(OfGetUser({{"userclient_reason", "retry"}}), 2)));
}

TEST_F(PrometheusTest, MeasuresInSecondsWithTheBucketsOfA66) {
  const UserClient client = Connect(NoRetryConfig());
  server_->Script("GetUser", {Delay(20ms)});

  ASSERT_TRUE(client.GetUser(AskFor("u-1")).ok());

  const prometheus::ClientMetric series = Series("grpc_client_call_duration_seconds").begin()->second;
  EXPECT_GE(series.histogram.sample_sum, 0.02);
  EXPECT_LT(series.histogram.sample_sum, 20);
  // 41 of A66, and the one without a bound.
  EXPECT_EQ(series.histogram.bucket.size(), 42u);
  EXPECT_EQ(series.histogram.bucket[1].upper_bound, 0.00001);
}

TEST_F(PrometheusTest, CountsHedges) {
  const UserClient client =
      Connect(R"({"methodConfig": [{"name": [{"service": "user.v1.UserService", "method": "GetUser"}], "timeout": "30s",
                  "hedgingPolicy": {"maxAttempts": 2, "hedgingDelay": "0.02s", "nonFatalStatusCodes": ["UNAVAILABLE"]}}]})");
  server_->Script("GetUser", {Hang(), Ok()});

  ASSERT_TRUE(client.GetUser(AskFor("u-1")).ok());

  EXPECT_THAT(Histograms("grpc_client_call_hedges"), ElementsAre(Pair(OfGetUser(), Pair(1, 1))));
  EXPECT_THAT(Histograms("grpc_client_call_retries"), IsEmpty());
  EXPECT_THAT(
      HistogramCounts("grpc_client_attempt_duration_seconds"),
      UnorderedElementsAre(Pair(OfGetUser({{"grpc_status", "OK"}}), 1), Pair(OfGetUser({{"grpc_status", "CANCELLED"}}), 1)));
}

TEST_F(PrometheusTest, CountsASharedCallForEachCallerAndItsAttemptsOnce) {
  std::promise<void> both_asked;
  const ScriptedService server([asked = both_asked.get_future().share()](auto&, const auto&, auto&) {
    asked.wait();
    return grpc::Status::OK;
  });
  target_ = "dns:///" + server.address();
  const UserClient client =
      Connect(R"({"userclient": {"methods": [{"name": [{"service": "user.v1.UserService", "method": "GetUser"}],
                                               "singleFlight": true}]}})",
              server.address());
  auto first = client.GetUserAsync(AskFor("u-1"));
  auto second = client.GetUserAsync(AskFor("u-1"));
  both_asked.set_value();
  ASSERT_TRUE(std::move(first).Get().ok());
  ASSERT_TRUE(std::move(second).Get().ok());

  EXPECT_THAT(HistogramCounts("grpc_client_call_duration_seconds"), ElementsAre(Pair(OfGetUser({{"grpc_status", "OK"}}), 2)));
  EXPECT_THAT(Counters("grpc_client_attempt_started_total"), ElementsAre(Pair(OfGetUser(), 1)));
  EXPECT_THAT(Counters("userclient_stand_ins_total"), ElementsAre(Pair(OfGetUser({{"userclient_source", "shared"}}), 1)));
}

TEST_F(PrometheusTest, CountsWhatTheClientRefusedAndWhatStoodIn) {
  const UserClient client = Connect(R"({"userclient": {"bulkheads": [{"name": "reads",
      "methods": [{"service": "user.v1.UserService"}], "circuitBreaker": {}}]}})");
  ASSERT_TRUE(client.OverrideCircuit("reads", CircuitOverride::kOpen).ok());

  ASSERT_FALSE(client.GetUser(AskFor("u-1")).ok());
  ASSERT_TRUE(client.GetUser(AskFor("u-1"), {.fallback = FallbackTo(user::v1::GetUserResponse())}).ok());

  EXPECT_THAT(Counted("userclient_rejections_total"),
              ElementsAre(Pair(OfGetUser({{"userclient_compartment", "reads"}, {"userclient_rejection", "circuit_open"}}), 2)));
  EXPECT_THAT(Counters("userclient_stand_ins_total"), ElementsAre(Pair(OfGetUser({{"userclient_source", "fallback"}}), 1)));
  EXPECT_THAT(Counted("userclient_circuit_changes_total"),
              ElementsAre(Pair(OfReads({{"userclient_state", "forced_open"}, {"userclient_cause", "forced"}}), 1)));
  EXPECT_THAT(HistogramCounts("grpc_client_call_duration_seconds"),
              ElementsAre(Pair(OfGetUser({{"grpc_status", "UNAVAILABLE"}}), 2)));
}

TEST_F(PrometheusTest, WhatAlarmsWaitForIsThereBeforeItHasEverHappened) {
  const UserClient client = Connect(R"({"userclient": {"bulkheads": [{"name": "reads",
      "methods": [{"service": "user.v1.UserService", "method": "GetUser"}], "circuitBreaker": {}}]}})");

  const auto rejections = Counters("userclient_rejections_total");
  const auto changes = Counters("userclient_circuit_changes_total");
  const auto events = Counters("userclient_events_total");

  // 8 methods in one compartment each; 5 reasons.
  EXPECT_EQ(rejections.size(), 8u * 5u);
  EXPECT_THAT(rejections,
              Contains(Pair(OfGetUser({{"userclient_compartment", "reads"}, {"userclient_rejection", "circuit_open"}}), 0)));
  // The breaker of "reads"; "default" has none.
  EXPECT_EQ(changes.size(), 10u);
  EXPECT_THAT(changes, Contains(Pair(OfReads({{"userclient_state", "open"}, {"userclient_cause", "failure_ratio"}}), 0)));
  EXPECT_EQ(events.size(), 8u);
  EXPECT_THAT(events, Contains(Pair(Labels{{"grpc_target", target_}, {"userclient_event", "config_refused"}}, 0)));
  EXPECT_THAT(Counters("userclient_stand_ins_total"), IsEmpty());
}

TEST_F(PrometheusTest, TheBreakersOfANewConfigAreThereToo) {
  const UserClient client = Connect("{}");
  EXPECT_THAT(Counters("userclient_circuit_changes_total"), IsEmpty());

  ASSERT_TRUE(client
                  .SetConfig(*ServiceConfig::Parse(R"({"userclient": {"bulkheads": [{"name": "reads",
      "methods": [{"service": "user.v1.UserService"}], "circuitBreaker": {}}]}})"))
                  .ok());

  EXPECT_EQ(Counters("userclient_circuit_changes_total").size(), 10u);
}

TEST_F(PrometheusTest, TargetsAreToldByTheLabelThatTheProgramGivesThem) {
  auto metrics = PrometheusObserver::Create(
      {.target_label = [](std::string_view target) { return std::string(target.starts_with("dns:") ? target : "other"); }});
  ASSERT_TRUE(metrics.ok()) << metrics.status();
  metrics_ = *std::move(metrics);
  const std::string config = R"({"userclient": {"bulkheads": [{"name": "reads",
      "methods": [{"service": "user.v1.UserService"}], "maxConcurrentCalls": 3, "circuitBreaker": {}}]}})";
  const UserClient named = Connect(config);
  const UserClient one = Connect(config, "ipv4:" + server_->address());
  const UserClient other = Connect(config, "ipv4:///" + server_->address());

  ASSERT_TRUE(named.GetUser(AskFor("u-1")).ok());
  ASSERT_TRUE(one.GetUser(AskFor("u-1")).ok());
  ASSERT_TRUE(other.GetUser(AskFor("u-1")).ok());
  ASSERT_TRUE(one.OverrideCircuit("reads", CircuitOverride::kOpen).ok());
  ASSERT_FALSE(one.GetUser(AskFor("u-1")).ok());

  const Labels of_others = {{"grpc_method", kGetUser}, {"grpc_target", "other"}};
  EXPECT_THAT(Counters("grpc_client_attempt_started_total"), UnorderedElementsAre(Pair(OfGetUser(), 1), Pair(of_others, 2)));
  EXPECT_THAT(Gauges("userclient_compartment_limit"),
              Contains(Pair(Labels{{"grpc_target", "other"}, {"userclient_compartment", "reads"}}, 6)));
  EXPECT_THAT(metrics_->Text(), Not(HasSubstr("ipv4:")));
}

TEST_F(PrometheusTest, ShowsTheClientAsItIs) {
  const UserClient client = Connect(R"({"retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1}, "userclient": {"bulkheads": [
      {"name": "reads", "methods": [{"service": "user.v1.UserService"}], "maxConcurrentCalls": 7, "channels": 2,
       "circuitBreaker": {"minimumCalls": 100}}]}})");
  server_->Script("GetUser", {Fail(StatusCode::kInternal), Ok(), Ok(), Ok()});
  for (int i = 0; i < 4; ++i) static_cast<void>(client.GetUser(AskFor("u-1")));
  ASSERT_TRUE(client.WaitReady(30s));

  EXPECT_THAT(Gauges("userclient_circuit_state"), Contains(Pair(OfReads({{"userclient_state", "closed"}}), 1)));
  EXPECT_THAT(Gauges("userclient_circuit_state"), Contains(Pair(OfReads({{"userclient_state", "open"}}), 0)));
  EXPECT_THAT(Gauges("userclient_circuit_calls"), UnorderedElementsAre(Pair(OfReads({{"userclient_outcome", "success"}}), 3),
                                                                       Pair(OfReads({{"userclient_outcome", "failure"}}), 1)));
  EXPECT_THAT(Gauges("userclient_circuit_failure_ratio"), ElementsAre(Pair(OfReads(), 0.25)));
  EXPECT_THAT(Gauges("userclient_compartment_limit"), ElementsAre(Pair(OfReads(), 7)));
  EXPECT_THAT(Gauges("userclient_compartment_in_use"), Contains(Pair(OfReads(), 0)));
  EXPECT_THAT(Gauges("userclient_channels"), Contains(Pair(OfReads({{"userclient_connectivity", "READY"}}), 2)));
  EXPECT_THAT(Gauges("userclient_config_version"), ElementsAre(Pair(Labels{{"grpc_target", target_}}, 1)));
  EXPECT_THAT(Gauges("userclient_retry_tokens_max"), ElementsAre(Pair(Labels{{"grpc_target", target_}}, 10)));
  EXPECT_THAT(Gauges("userclient_calls_in_flight"), ElementsAre(Pair(Labels{{"grpc_target", target_}}, 0)));
}

TEST_F(PrometheusTest, CountsReloads) {
  const UserClient client = Connect("{}");

  ASSERT_TRUE(client.SetConfig(*ServiceConfig::Parse("{}")).ok());

  ASSERT_TRUE(Await([&] { return !Counted("userclient_events_total").empty(); }));
  EXPECT_THAT(Counted("userclient_events_total"),
              ElementsAre(Pair(Labels{{"grpc_target", target_}, {"userclient_event", "config_reloaded"}}, 1)));
  EXPECT_THAT(Gauges("userclient_config_version"), ElementsAre(Pair(Labels{{"grpc_target", target_}}, 2)));
}

TEST_F(PrometheusTest, ClientsOfOneTargetAddUpAndThoseThatAreGoneDoNotShow) {
  std::optional<UserClient> one = Connect(R"({"userclient": {"bulkheads": [{"name": "reads",
      "methods": [{"service": "user.v1.UserService"}], "maxConcurrentCalls": 3}]}})");
  const UserClient other = Connect(R"({"userclient": {"bulkheads": [{"name": "reads",
      "methods": [{"service": "user.v1.UserService"}], "maxConcurrentCalls": 4}]}})");
  ASSERT_TRUE(one->GetUser(AskFor("u-1")).ok());
  ASSERT_TRUE(other.GetUser(AskFor("u-1")).ok());

  EXPECT_THAT(Gauges("userclient_compartment_limit"), ElementsAre(Pair(OfReads(), 7)));
  EXPECT_THAT(Counters("grpc_client_attempt_started_total"), ElementsAre(Pair(OfGetUser(), 2)));

  one.reset();

  EXPECT_THAT(Gauges("userclient_compartment_limit"), ElementsAre(Pair(OfReads(), 4)));
  EXPECT_THAT(Counters("grpc_client_attempt_started_total"), ElementsAre(Pair(OfGetUser(), 2)));
}

TEST_F(PrometheusTest, WritesTheExposition) {
  const UserClient client = Connect(NoRetryConfig());
  ASSERT_TRUE(client.GetUser(AskFor("u-1")).ok());

  const std::string text = metrics_->Text();

  EXPECT_THAT(text, HasSubstr("# TYPE grpc_client_call_duration_seconds histogram\n"));
  EXPECT_THAT(text, HasSubstr(absl::StrCat("grpc_client_attempt_started_total{grpc_method=\"", kGetUser, "\",grpc_target=\"",
                                           target_, "\"} 1\n")));
  EXPECT_THAT(text, HasSubstr("# HELP userclient_attempts_total "));
}

TEST(PrometheusOptionsTest, WrongOnesAreRefused) {
  EXPECT_EQ(PrometheusObserver::Create({.latency_buckets = {1, 1}}).status(),
            absl::InvalidArgumentError("PrometheusOptions.latency_buckets[1]: must be more than the one before"));
  EXPECT_THAT(PrometheusObserver::Create({.constant_labels = {{"no-such-name", "x"}}}).status().message(),
              HasSubstr("PrometheusOptions.constant_labels: "));
  EXPECT_EQ(
      PrometheusObserver::Create({.constant_labels = {{"grpc_target", "x"}}}).status(),
      absl::InvalidArgumentError("PrometheusOptions.constant_labels: grpc_target is a label of the metrics themselves; choose "
                                 "another name"));
}

TEST(PrometheusOptionsTest, WhatWouldMakeEveryScrapeUnusableIsRefused) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

  EXPECT_EQ(PrometheusObserver::Create({.latency_buckets = {0.1, kInfinity}}).status(),
            absl::InvalidArgumentError("PrometheusOptions.latency_buckets[1]: must be a finite number; the bucket without a "
                                       "bound is added by itself"));
  EXPECT_THAT(PrometheusObserver::Create({.latency_buckets = {1, kNaN, 2}}).status().message(),
              HasSubstr("PrometheusOptions.latency_buckets[1]: must be a finite number"));
  EXPECT_EQ(PrometheusObserver::Create({.constant_labels = {{"le", "x"}}}).status(),
            absl::InvalidArgumentError("PrometheusOptions.constant_labels: le is a label of Prometheus's own, for buckets and "
                                       "quantiles; choose another name"));
  EXPECT_EQ(PrometheusObserver::Create({.constant_labels = {{"app", "Gr\xfc\xdf"}}}).status(),
            absl::InvalidArgumentError("PrometheusOptions.constant_labels: the value of app is not UTF-8"));
  EXPECT_TRUE(PrometheusObserver::Create({.constant_labels = {{"app", "Gr\xc3\xbc\xc3\x9f\n\"\\"}}}).ok());
  EXPECT_THAT(PrometheusObserver::Create({.constant_labels = {{"quantile", "x"}}}).status().message(),
              HasSubstr("PrometheusOptions.constant_labels: quantile is a label of Prometheus's own"));
}

TEST(PrometheusOptionsTest, ConstantLabelsAreOnEverySeries) {
  auto server = FlakyUserServer::Start({.seed_users = 1});
  ASSERT_TRUE(server.ok());
  const auto metrics = PrometheusObserver::Create({.constant_labels = {{"app", "checkout"}}});
  ASSERT_TRUE(metrics.ok()) << metrics.status();
  const auto client =
      UserClient::Create({.target = server->address(), .credentials = Credentials::Insecure(), .observers = {*metrics}});
  ASSERT_TRUE(client->GetUser(AskFor("u-1")).ok());

  int series = 0;
  for (const prometheus::MetricFamily& family : (*metrics)->collectable()->Collect()) {
    for (const prometheus::ClientMetric& metric : family.metric) {
      ++series;
      EXPECT_THAT(metric.label, Contains(prometheus::ClientMetric::Label{"app", "checkout"})) << family.name;
    }
  }
  EXPECT_GT(series, 10);
}

// ---- The documents

std::string Read(const std::string& file) {
  std::ifstream stream(std::string(DOCS_FOLDER) + "/" + file);
  EXPECT_TRUE(stream) << file;
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::set<std::string> MetricsIn(const std::string& text) {
  static const std::regex kName("\\b(grpc_client|userclient)_[a-z_]+\\b");
  std::set<std::string> names;
  for (std::sregex_iterator it(text.begin(), text.end(), kName), end; it != end; ++it) {
    names.insert(std::regex_replace(it->str(), std::regex("_(bucket|count|sum)$"), ""));
  }
  return names;
}

/// Every expression of a dashboard, panels in rows included.
void CollectExpressions(const json& value, std::string& text) {
  if (value.is_array()) {
    for (const json& element : value) CollectExpressions(element, text);
  } else if (value.is_object()) {
    for (const auto& [key, member] : value.items()) {
      if ((key == "expr" || key == "query") && member.is_string()) text += member.get<std::string>() + "\n";
      CollectExpressions(member, text);
    }
  }
}

const std::set<std::string>& LabelNames() {
  static const auto* const names = new std::set<std::string>{
      "userclient_compartment", "userclient_reason",  "userclient_rejection",    "userclient_source", "userclient_state",
      "userclient_cause",       "userclient_outcome", "userclient_connectivity", "userclient_event"};
  return *names;
}

class PrometheusDocumentsTest : public PrometheusTest {
 protected:
  /// The names of metrics, and their labels.
  using Exposition = std::map<std::string, std::set<std::string>>;

  std::set<std::string> Exposed() {
    std::set<std::string> names;
    for (const auto& [name, labels] : ExposedWithLabels()) names.insert(name);
    return names;
  }

  /// What a client exposes that has everything there is, and to which everything has happened.
  Exposition ExposedWithLabels() {
    constexpr char kEverything[] = R"({
      "methodConfig": [
        {"name": [{"service": "user.v1.UserService", "method": "GetUser"}], "timeout": "30s",
         "retryPolicy": {"maxAttempts": 2, "initialBackoff": "0.001s", "maxBackoff": "0.001s", "backoffMultiplier": 1,
                         "retryableStatusCodes": ["UNAVAILABLE"]}},
        {"name": [{"service": "user.v1.UserService", "method": "ListUsers"}], "timeout": "30s",
         "hedgingPolicy": {"maxAttempts": 2, "hedgingDelay": "0.02s", "nonFatalStatusCodes": ["UNAVAILABLE"]}}],
      "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
      "userclient": {"bulkheads": [{"name": "reads", "methods": [{"service": "user.v1.UserService"}], "maxConcurrentCalls": 7,
                                    "circuitBreaker": {}}]}})";
    const auto client = UserClient::Create({.target = "dns:///localhost:" + std::to_string(server_->port()),
                                            .credentials = Credentials::Insecure(),
                                            .service_config_json = kEverything,
                                            .observers = {metrics_}});
    EXPECT_TRUE(client.ok()) << client.status();
    server_->Script("GetUser", {Fail(StatusCode::kUnavailable), Ok()});
    server_->Script("ListUsers", {Hang(), Ok()});
    EXPECT_TRUE(client->GetUser(AskFor("u-1")).ok());
    EXPECT_TRUE(client->ListUsers({}).ok());
    EXPECT_TRUE(client->OverrideCircuit("reads", CircuitOverride::kOpen).ok());
    EXPECT_TRUE(client->GetUser(AskFor("u-1"), {.fallback = FallbackTo(user::v1::GetUserResponse())}).ok());
    EXPECT_TRUE(client->SetConfig(*ServiceConfig::Parse(kEverything)).ok());
    EXPECT_TRUE(Await([&] {
      const auto resolution = client->Snapshot().resolution;
      return resolution && resolution->age && !Counted("userclient_events_total").empty();
    }));

    Exposition exposed;
    for (const prometheus::MetricFamily& family : metrics_->collectable()->Collect()) {
      for (const prometheus::ClientMetric& metric : family.metric) {
        for (const auto& label : metric.label) exposed[family.name].insert(label.name);
        if (family.type == prometheus::MetricType::Histogram) exposed[family.name].insert("le");
      }
    }
    return exposed;
  }
};

/// Of the rules in operations.md, by their names.
std::map<std::string, std::string> AlarmsIn(const std::string& document) {
  static const std::regex kAlert(R"(- alert: (\w+)\n +expr: ([^\n]*(?:\n {10,}[^\n]*)*))");
  std::map<std::string, std::string> alarms;
  for (std::sregex_iterator it(document.begin(), document.end(), kAlert), end; it != end; ++it) alarms[(*it)[1]] = (*it)[2];
  return alarms;
}

std::set<std::string> DashboardMetrics() {
  std::string expressions;
  CollectExpressions(json::parse(Read("grafana_dashboard.json")), expressions);
  std::set<std::string> names = MetricsIn(expressions);
  std::erase_if(names, [](const std::string& name) { return LabelNames().contains(name); });
  return names;
}

/// One that Prometheus is asked, and what its answers are called: "{{grpc_status}}".
struct Query {
  std::string expression{};
  std::string legend{};
};

void CollectQueries(const json& value, std::vector<Query>& queries) {
  if (value.is_object() && value.contains("expr")) {
    const char* const legend = value.contains("legendFormat") ? "legendFormat" : "titleFormat";
    queries.push_back({.expression = value["expr"], .legend = value[legend]});
  }
  if (!value.is_structured()) return;
  for (const json& member : value) CollectQueries(member, queries);
}

std::vector<Query> Queries() {
  std::vector<Query> queries;
  CollectQueries(json::parse(Read("grafana_dashboard.json")), queries);
  for (const auto& [alarm, expression] : AlarmsIn(Read("operations.md"))) {
    // YAML's sign for several lines is none of Prometheus's.
    queries.push_back({.expression = expression.substr(expression.starts_with('|') ? 1 : 0)});
  }
  return queries;
}

/// Of each match, all of it and its groups.
std::vector<std::vector<std::string>> Matches(const std::string& text, const std::regex& pattern) {
  std::vector<std::vector<std::string>> matches;
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) {
    matches.emplace_back(it->begin(), it->end());
  }
  return matches;
}

std::string MetricOf(const std::string& series) { return std::regex_replace(series, std::regex("_(bucket|count|sum)$"), ""); }

/// What the labels can hold whose values are not the program's.
const std::map<std::string, std::set<std::string>>& Words() {
  static const auto* const words = [] {
    auto* const all = new std::map<std::string, std::set<std::string>>{
        {"userclient_outcome", {"success", "failure"}},
        {"userclient_connectivity", {"IDLE", "CONNECTING", "READY", "TRANSIENT_FAILURE"}}};
    for (int code = 0; code < internal::kStatusCodes; ++code) (*all)["grpc_status"].emplace(internal::StatusLabel(code));
    for (const Rejection rejection : internal::kAllRejections) (*all)["userclient_rejection"].emplace(RejectionLabel(rejection));
    for (const ClientEvent::Kind kind : internal::kAllEvents) (*all)["userclient_event"].emplace(ClientEventLabel(kind));
    for (const CircuitState state : internal::kCircuitStates) (*all)["userclient_state"].emplace(CircuitStateLabel(state));
    for (const AttemptReason reason : {AttemptReason::kFirst, AttemptReason::kRetry, AttemptReason::kPushback,
                                       AttemptReason::kHedge, AttemptReason::kFreshToken, AttemptReason::kResume}) {
      (*all)["userclient_reason"].emplace(AttemptReasonLabel(reason));
    }
    return all;
  }();
  return *words;
}

/// Whether each alternative of "UNAVAILABLE|forced_.*" can be met with.
void ExpectWordsOf(const std::string& label, const std::string& alternatives) {
  const auto words = Words().find(label);
  ASSERT_NE(words, Words().end()) << label;
  for (const auto& alternative : Matches(alternatives, std::regex("[^|]+"))) {
    const std::regex word(alternative[0]);
    EXPECT_TRUE(std::any_of(words->second.begin(), words->second.end(),
                            [&](const std::string& known) { return std::regex_match(known, word); }))
        << label << " is never " << alternative[0];
  }
}

TEST_F(PrometheusDocumentsTest, EveryQueryAsksForLabelsThatThereAreAndForValuesThatTheyCanHave) {
  const Exposition exposed = ExposedWithLabels();
  const std::vector<Query> queries = Queries();
  ASSERT_GT(queries.size(), 40u);
  static const std::regex kSelector(R"(\b((?:grpc_client|userclient)_[a-z_]+)\{([^}]*)\})");
  static const std::regex kMatcher(R"re((\w+)(?:=~|!~|!=|=)"([^"]*)")re");

  for (const Query& query : queries) {
    SCOPED_TRACE(query.expression);
    for (const auto& selector : Matches(query.expression, kSelector)) {
      const auto metric = exposed.find(MetricOf(selector[1]));
      ASSERT_NE(metric, exposed.end());
      for (const auto& matcher : Matches(selector[2], kMatcher)) {
        EXPECT_TRUE(metric->second.contains(matcher[1])) << matcher[1];
        if (!matcher[2].starts_with('$')) ExpectWordsOf(matcher[1], matcher[2]);
      }
    }
  }
}

TEST_F(PrometheusDocumentsTest, EveryQueryIsGroupedByLabelsThatThereAreAndNamedByThese) {
  const Exposition exposed = ExposedWithLabels();
  static const std::regex kBy(R"(by \(([^)]*)\))");
  static const std::regex kWord("\\w+");

  for (const Query& query : Queries()) {
    SCOPED_TRACE(query.expression);
    std::set<std::string> grouped;
    for (const auto& by : Matches(query.expression, kBy)) {
      for (const auto& label : Matches(by[1], kWord)) grouped.insert(label[0]);
    }
    for (const std::string& name : MetricsIn(query.expression)) {
      if (LabelNames().contains(name)) continue;
      for (const std::string& label : grouped) EXPECT_TRUE(exposed.at(name).contains(label)) << label << " of " << name;
    }
    // Several replicas would have one name for all their lines.
    for (const auto& word : Matches(query.legend, std::regex(R"(\{\{(\w+)\}\})"))) {
      EXPECT_THAT(grouped, Contains(word[1]));
    }
  }
}

TEST_F(PrometheusDocumentsTest, EveryQuantileIsOfRatesOfBuckets) {
  static const std::regex kQuantile(
      R"(histogram_quantile\(0\.\d+, sum by \(le\) \(rate\(\w+_bucket\{[^}]*\}\[\$__rate_interval\]\)\)\))");
  int found = 0;

  for (const Query& query : Queries()) {
    if (query.expression.find("_bucket") == std::string::npos) continue;
    ++found;
    EXPECT_TRUE(std::regex_match(query.expression, kQuantile)) << query.expression;
  }
  EXPECT_EQ(found, 7);
}

TEST_F(PrometheusDocumentsTest, TheAlarmsOfTheDocumentAreThoseOfTheFile) {
  const std::string document = Read("operations.md");
  const std::string file = Read("prometheus_alarms.yaml");

  EXPECT_THAT(document, HasSubstr("```yaml\n" + file.substr(file.find("groups:")) + "```\n"));
}

// ---- Prometheus's own opinion, where its promtool is

class PromtoolTest : public PrometheusDocumentsTest {
 protected:
  void SetUp() override {
    if (std::string_view(PROMTOOL).empty()) GTEST_SKIP() << "no promtool: it is in Debian's package prometheus";
    PrometheusDocumentsTest::SetUp();
  }

  /// `arguments` are for the shell.
  static bool Succeeds(const std::string& arguments) {
    // NOLINTNEXTLINE(cert-env33-c): of programs and files that CMake has found, and of this test's own.
    return std::system(absl::StrCat("'", PROMTOOL, "' ", arguments).c_str()) == 0;
  }

  std::string Write(const std::string& name, const std::string& text) const { return directory_.Write(name, text).string(); }

 private:
  const TemporaryDirectory directory_;
};

TEST_F(PromtoolTest, FindsNothingWrongWithTheExposition) {
  ASSERT_FALSE(Exposed().empty());

  const std::string exposition = Write("userclient_exposition.txt", metrics_->Text());

  EXPECT_TRUE(Succeeds("check metrics <'" + exposition + "'"));
}

TEST_F(PromtoolTest, UnderstandsEveryQueryOfTheDashboard) {
  json rules = json::array();
  for (const Query& query : Queries()) {
    const std::string expression = std::regex_replace(query.expression, std::regex(R"(\$__rate_interval)"), "1m");
    rules.push_back({{"record", absl::StrCat("query:", rules.size())}, {"expr", expression}});
  }
  const json file = {{"groups", json::array({{{"name", "dashboard"}, {"rules", std::move(rules)}}})}};

  // JSON is YAML.
  EXPECT_TRUE(Succeeds("check rules '" + Write("userclient_queries.yaml", file.dump()) + "'"));
}

TEST_F(PromtoolTest, SeesTheAlarmsGoOffWhenTheyShouldAndNotOtherwise) {
  EXPECT_TRUE(Succeeds(std::string("test rules '") + ALARMS_TEST + "'"));
}

TEST_F(PrometheusDocumentsTest, TheDashboardShowsEverythingThatIsExposedAndNothingElse) {
  EXPECT_EQ(DashboardMetrics(), Exposed());
}

TEST_F(PrometheusDocumentsTest, TheDashboardTakesNoRefusalForAFastCall) {
  std::string expressions;
  CollectExpressions(json::parse(Read("grafana_dashboard.json")), expressions);
  static const std::regex kLatency(R"(grpc_client_call_duration_seconds_bucket\{([^}]*)\})");
  int found = 0;

  for (std::sregex_iterator it(expressions.begin(), expressions.end(), kLatency), end; it != end; ++it, ++found) {
    EXPECT_THAT((*it)[1].str(), HasSubstr("grpc_status!~\"UNAVAILABLE|RESOURCE_EXHAUSTED|"));
  }
  EXPECT_EQ(found, 3);
}

TEST_F(PrometheusDocumentsTest, TheAlarmsAskForNothingThatIsNotExposed) {
  const std::set<std::string> exposed = Exposed();

  const std::map<std::string, std::string> alarms = AlarmsIn(Read("operations.md"));

  EXPECT_EQ(alarms.size(), 10u);
  for (const auto& [alarm, expression] : alarms) {
    std::set<std::string> asked = MetricsIn(expression);
    std::erase_if(asked, [](const std::string& name) { return LabelNames().contains(name); });
    EXPECT_FALSE(asked.empty()) << alarm;
    for (const std::string& name : asked) EXPECT_TRUE(exposed.contains(name)) << alarm << " asks for " << name;
  }
}

TEST_F(PrometheusDocumentsTest, WhatAnAlarmCountsTheFirstOfIsThereFromTheStart) {
  const UserClient client = Connect(R"({"userclient": {"bulkheads": [{"name": "reads",
      "methods": [{"service": "user.v1.UserService"}], "circuitBreaker": {}}]}})");
  const std::string text = metrics_->Text();
  std::vector<std::string> looked_at;

  for (const auto& [alarm, expression] : AlarmsIn(Read("operations.md"))) {
    // Above a number of events, not above a share of them: `increase(x{...}[15m])) > 0`.
    static const std::regex kCounter(R"((?:increase|rate)\((userclient_\w+)\{(\w+)=~?"([^"|]+)[^)]*\)+ > \d+$)");
    std::smatch found;
    if (!std::regex_search(expression, found, kCounter)) continue;
    looked_at.push_back(alarm);
    const std::regex series(absl::StrCat(found.str(1), "\\{[^}]*", found.str(2), "=\"", found.str(3), "\"[^}]*\\} 0\n"));
    EXPECT_TRUE(std::regex_search(text, series)) << alarm << ": " << found.str(1) << " begins with 1";
  }
  EXPECT_THAT(looked_at, UnorderedElementsAre("CircuitFlaps", "CircuitOpen", "FilesRefused"));
}

TEST_F(PrometheusDocumentsTest, AlarmsAboutStatesHoldForSeveralClientsOfATarget) {
  for (const auto& [alarm, expression] : AlarmsIn(Read("operations.md"))) {
    const bool about_states = MetricsIn(expression).contains("userclient_circuit_state");
    EXPECT_FALSE(about_states && expression.find("== 1") != std::string::npos) << alarm;
  }
}

TEST_F(PrometheusDocumentsTest, EveryMetricIsDocumentedAndNothingElse) {
  const std::set<std::string> exposed = Exposed();
  // In the tables: `grpc.client.x` | `grpc_client_x` | ...
  static const std::regex kRow(R"(\| `[a-z_.]+` \| `([a-z_]+)` \|)");
  const std::string document = Read("telemetry.md");
  std::set<std::string> documented;
  for (std::sregex_iterator it(document.begin(), document.end(), kRow), end; it != end; ++it) documented.insert((*it)[1]);

  EXPECT_EQ(exposed.size(), 25u);
  EXPECT_EQ(documented, exposed);
}

}  // namespace
}  // namespace userclient::testing
