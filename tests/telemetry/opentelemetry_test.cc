// Spans and metrics, as an exporter of OpenTelemetry gets them, and the trace context that servers get.

#include "userclient/opentelemetry.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_context.h>
#include <gtest/gtest.h>
#include <opentelemetry/exporters/memory/in_memory_span_data.h>
#include <opentelemetry/exporters/memory/in_memory_span_exporter.h>
#include <opentelemetry/metrics/provider.h>
#include <opentelemetry/sdk/metrics/data/metric_data.h>
#include <opentelemetry/sdk/metrics/export/metric_producer.h>
#include <opentelemetry/sdk/metrics/meter_provider.h>
#include <opentelemetry/sdk/metrics/metric_reader.h>
#include <opentelemetry/sdk/trace/simple_processor.h>
#include <opentelemetry/sdk/trace/tracer_provider.h>
#include <opentelemetry/trace/provider.h>
#include <opentelemetry/trace/scope.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/scripted_service.h"
#include "tests/support/test_client.h"
#include "user/v1/user_service.grpc.pb.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient::testing {
namespace {

namespace metrics = opentelemetry::sdk::metrics;
namespace nostd = opentelemetry::nostd;
namespace sdk = opentelemetry::sdk;
namespace trace = opentelemetry::trace;

using absl::StatusCode;
using opentelemetry::exporter::memory::InMemorySpanData;
using opentelemetry::exporter::memory::InMemorySpanExporter;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr char kTrace[] = "0af7651916cd43dd8448eb211c80319c";
constexpr char kInbound[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

using Labels = std::map<std::string, std::string>;

/// Collects when it is asked to.
class Reader final : public metrics::MetricReader {
 public:
  metrics::AggregationTemporality GetAggregationTemporality(metrics::InstrumentType) const noexcept override {
    return metrics::AggregationTemporality::kCumulative;
  }

  /// The points of a metric by their labels: the value of a counter or a gauge, or how often something was recorded.
  std::map<Labels, double> Read(const std::string& name) {
    std::map<Labels, double> values;
    Collect([&](metrics::ResourceMetrics& collected) {
      for (const metrics::ScopeMetrics& scope : collected.scope_metric_data_) {
        for (const metrics::MetricData& metric : scope.metric_data_) {
          if (metric.instrument_descriptor.name_ == name) Add(metric, values);
        }
      }
      return true;
    });
    return values;
  }

 private:
  static void Add(const metrics::MetricData& metric, std::map<Labels, double>& values) {
    for (const metrics::PointDataAttributes& point : metric.point_data_attr_) {
      Labels labels;
      for (const auto& [key, value] : point.attributes) labels[key] = nostd::get<std::string>(value);
      values[labels] = ValueOf(point.point_data);
    }
  }

  static double ValueOf(const metrics::PointType& point) {
    const auto number = [](const metrics::ValueType& value) {
      return nostd::holds_alternative<double>(value) ? nostd::get<double>(value)
                                                     : static_cast<double>(nostd::get<int64_t>(value));
    };
    if (nostd::holds_alternative<metrics::SumPointData>(point)) return number(nostd::get<metrics::SumPointData>(point).value_);
    if (nostd::holds_alternative<metrics::LastValuePointData>(point)) {
      return number(nostd::get<metrics::LastValuePointData>(point).value_);
    }
    return static_cast<double>(nostd::get<metrics::HistogramPointData>(point).count_);
  }

  bool OnForceFlush(std::chrono::microseconds) noexcept override { return true; }
  bool OnShutDown(std::chrono::microseconds) noexcept override { return true; }
};

template <class Id>
std::string Hex(const Id& id) {
  std::string text(Id::kSize * 2, '0');
  id.ToLowerBase16(nostd::span<char, Id::kSize * 2>(text.data(), text.size()));
  return text;
}

class OpenTelemetryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 1});
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));

    auto exporter = std::make_unique<InMemorySpanExporter>();
    exported_ = exporter->GetData();
    trace::Provider::SetTracerProvider(nostd::shared_ptr<trace::TracerProvider>(
        new sdk::trace::TracerProvider(std::make_unique<sdk::trace::SimpleSpanProcessor>(std::move(exporter)))));
    auto meters = std::make_unique<metrics::MeterProvider>();
    meters->AddMetricReader(reader_);
    opentelemetry::metrics::Provider::SetMeterProvider(
        nostd::shared_ptr<opentelemetry::metrics::MeterProvider>(meters.release()));
  }

  void TearDown() override {
    client_.reset();
    trace::Provider::SetTracerProvider({});
    opentelemetry::metrics::Provider::SetMeterProvider({});
  }

  void Connect(const std::string& config, const OpenTelemetryOptions& options = {}) {
    auto client = UserClient::Create({.target = server_->address(),
                                      .credentials = Credentials::Insecure(),
                                      .service_config_json = config,
                                      .observers = {OpenTelemetryObserver::Create(options)}});
    ASSERT_TRUE(client.ok()) << client.status();
    client_.emplace(*std::move(client));
  }

  struct Span {
    std::string name{};
    std::string trace{};
    std::string id{};
    std::string parent{};
    trace::StatusCode status = trace::StatusCode::kUnset;
    Labels attributes{};
  };

  /// Those that have ended since the last time, in that order.
  std::vector<Span> Spans() {
    std::vector<Span> spans;
    for (const auto& data : exported_->GetSpans()) {
      Span& span = spans.emplace_back();
      span.name = std::string(data->GetName().data(), data->GetName().size());
      span.trace = Hex(data->GetTraceId());
      span.id = Hex(data->GetSpanId());
      span.parent = data->GetParentSpanId().IsValid() ? Hex(data->GetParentSpanId()) : "";
      span.status = data->GetStatus();
      for (const auto& [key, value] : data->GetAttributes()) {
        if (nostd::holds_alternative<std::string>(value)) span.attributes[key] = nostd::get<std::string>(value);
        if (nostd::holds_alternative<int32_t>(value)) span.attributes[key] = std::to_string(nostd::get<int32_t>(value));
      }
    }
    return spans;
  }

  static std::string Traceparent(const ReceivedAttempt& attempt) {
    EXPECT_EQ(attempt.metadata.count("traceparent"), 1u);
    const auto found = attempt.metadata.find("traceparent");
    return found == attempt.metadata.end() ? "" : found->second;
  }

  Labels OfGetUser(Labels more = {}) const {
    more.merge(Labels{{"grpc.method", "user.v1.UserService/GetUser"}, {"grpc.target", "dns:///" + server_->address()}});
    return more;
  }

  const std::shared_ptr<Reader> reader_ = std::make_shared<Reader>();
  std::shared_ptr<InMemorySpanData> exported_;
  std::optional<FlakyUserServer> server_;
  std::optional<UserClient> client_;
};

TEST_F(OpenTelemetryTest, ACallIsASpanWithAChildForEachAttemptAndTheServerIsToldOfIt) {
  Connect(RetryConfig());
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable), Ok()});

  ASSERT_TRUE(client_->GetUser(AskFor("u-1")).ok());

  const std::vector<Span> spans = Spans();
  ASSERT_EQ(spans.size(), 3u);
  const Span& call = spans[2];
  EXPECT_EQ(call.name, "Sent.user.v1.UserService.GetUser");
  EXPECT_EQ(call.parent, "");
  EXPECT_EQ(call.status, trace::StatusCode::kOk);
  EXPECT_THAT(call.attributes, Contains(Pair("rpc.service", "user.v1.UserService")));
  EXPECT_THAT(call.attributes, Contains(Pair("rpc.method", "GetUser")));
  EXPECT_THAT(call.attributes, Contains(Pair("userclient.end", "succeeded")));
  const auto received = server_->ReceivedAttempts("GetUser");
  ASSERT_EQ(received.size(), 2u);
  for (int i : {0, 1}) {
    EXPECT_EQ(spans[i].name, "Attempt.user.v1.UserService.GetUser");
    EXPECT_EQ(spans[i].trace, call.trace);
    EXPECT_EQ(spans[i].parent, call.id);
    EXPECT_THAT(spans[i].attributes, Contains(Pair("previous-rpc-attempts", std::to_string(i))));
    EXPECT_THAT(spans[i].attributes, Contains(Pair("network.peer.address", "ipv4:" + server_->address())));
    EXPECT_EQ(Traceparent(received[i]), "00-" + spans[i].trace + "-" + spans[i].id + "-01");
  }
  EXPECT_EQ(spans[0].status, trace::StatusCode::kError);
  EXPECT_THAT(spans[0].attributes, Contains(Pair("userclient.reason", "first")));
  EXPECT_THAT(spans[1].attributes, Contains(Pair("userclient.reason", "retry")));
}

TEST_F(OpenTelemetryTest, TheSpanThatIsCurrentOnTheCallingThreadIsTheParent) {
  Connect(RetryConfig());
  const auto tracer = trace::Provider::GetTracerProvider()->GetTracer("test");
  const auto outer = tracer->StartSpan("outer");
  {
    const trace::Scope scope(outer);
    ASSERT_TRUE(client_->GetUserAsync(AskFor("u-1")).Get().ok());
  }

  const std::vector<Span> spans = Spans();

  ASSERT_EQ(spans.size(), 2u);
  EXPECT_EQ(spans[1].name, "Sent.user.v1.UserService.GetUser");
  EXPECT_EQ(spans[1].parent, Hex(outer->GetContext().span_id()));
  EXPECT_EQ(spans[1].trace, Hex(outer->GetContext().trace_id()));
}

TEST_F(OpenTelemetryTest, TheCallersOwnTraceGoesBeforeTheCurrentSpan) {
  Connect(RetryConfig());
  const auto tracer = trace::Provider::GetTracerProvider()->GetTracer("test");
  const trace::Scope scope(tracer->StartSpan("outer"));

  ASSERT_TRUE(client_->GetUser(AskFor("u-1"), {.metadata = {{"traceparent", kInbound}, {"tracestate", "vendor=1"}}}).ok());

  const std::vector<Span> spans = Spans();
  ASSERT_EQ(spans.size(), 2u);
  EXPECT_EQ(spans[1].trace, kTrace);
  EXPECT_EQ(spans[1].parent, "b7ad6b7169203331");
  const ReceivedAttempt received = server_->ReceivedAttempts("GetUser").at(0);
  EXPECT_EQ(Traceparent(received), std::string("00-") + kTrace + "-" + spans[0].id + "-01");
  EXPECT_THAT(received.metadata, Contains(Pair("tracestate", "vendor=1")));
}

TEST_F(OpenTelemetryTest, ACallOnBehalfOfAnInboundOneIsInItsTrace) {
  Connect(RetryConfig());
  const ScriptedService middle([this](grpc::ServerContext& context, const auto& request, auto& response) {
    const auto user = client_->GetUser(request, {.parent = &context});
    if (!user.ok()) return grpc::Status(grpc::StatusCode::INTERNAL, std::string(user.status().message()));
    response = *user;
    return grpc::Status::OK;
  });
  const auto stub = user::v1::UserService::NewStub(grpc::CreateChannel(middle.address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.AddMetadata("traceparent", kInbound);
  user::v1::GetUserResponse response;

  ASSERT_TRUE(stub->GetUser(&context, AskFor("u-1"), &response).ok());

  const std::vector<Span> spans = Spans();
  ASSERT_EQ(spans.size(), 2u);
  EXPECT_EQ(spans[1].trace, kTrace);
  EXPECT_EQ(spans[1].parent, "b7ad6b7169203331");
  EXPECT_EQ(Traceparent(server_->ReceivedAttempts("GetUser").at(0)), std::string("00-") + kTrace + "-" + spans[0].id + "-01");
}

TEST_F(OpenTelemetryTest, ARefusedCallIsASpanWithoutAttempts) {
  Connect(R"({"userclient": {"bulkheads": [{"name": "reads", "methods": [{"service": "user.v1.UserService"}],
              "circuitBreaker": {}}]}})");
  ASSERT_TRUE(client_->OverrideCircuit("reads", CircuitOverride::kOpen).ok());

  ASSERT_FALSE(client_->GetUser(AskFor("u-1")).ok());

  const std::vector<Span> spans = Spans();
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_EQ(spans[0].status, trace::StatusCode::kError);
  EXPECT_THAT(spans[0].attributes, Contains(Pair("userclient.rejection", "circuit_open")));
  EXPECT_THAT(spans[0].attributes, Contains(Pair("userclient.compartment", "reads")));
}

TEST_F(OpenTelemetryTest, EveryAttemptOfAHedgedCallHasItsSpan) {
  Connect(R"({"methodConfig": [{"name": [{"service": "user.v1.UserService", "method": "GetUser"}], "timeout": "30s",
              "hedgingPolicy": {"maxAttempts": 2, "hedgingDelay": "0.02s", "nonFatalStatusCodes": ["UNAVAILABLE"]}}]})");
  server_->Script("GetUser", {Hang(), Ok()});

  ASSERT_TRUE(client_->GetUser(AskFor("u-1")).ok());

  const std::vector<Span> spans = Spans();
  ASSERT_EQ(spans.size(), 3u);
  EXPECT_THAT(spans[0].attributes, Contains(Pair("userclient.reason", "hedge")));
  EXPECT_EQ(spans[0].parent, spans[2].id);
  EXPECT_EQ(spans[1].parent, spans[2].id);
  EXPECT_THAT(reader_->Read("grpc.client.call.hedges"), ElementsAre(Pair(OfGetUser(), 1)));
}

TEST_F(OpenTelemetryTest, WithoutTracesTheInboundContextGoesAlongUnchanged) {
  Connect(RetryConfig(), {.traces = false});

  ASSERT_TRUE(client_->GetUser(AskFor("u-1"), {.metadata = {{"traceparent", kInbound}}}).ok());

  EXPECT_THAT(Spans(), IsEmpty());
  EXPECT_EQ(Traceparent(server_->ReceivedAttempts("GetUser").at(0)), kInbound);
}

TEST_F(OpenTelemetryTest, MetricsHaveTheNamesAndLabelsOfA66AndA96) {
  Connect(RetryConfig());
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable), Ok()});

  ASSERT_TRUE(client_->GetUser(AskFor("u-1")).ok());

  EXPECT_THAT(reader_->Read("grpc.client.call.duration"), ElementsAre(Pair(OfGetUser({{"grpc.status", "OK"}}), 1)));
  EXPECT_THAT(reader_->Read("grpc.client.attempt.started"), ElementsAre(Pair(OfGetUser(), 2)));
  EXPECT_THAT(
      reader_->Read("grpc.client.attempt.duration"),
      UnorderedElementsAre(Pair(OfGetUser({{"grpc.status", "OK"}}), 1), Pair(OfGetUser({{"grpc.status", "UNAVAILABLE"}}), 1)));
  EXPECT_THAT(reader_->Read("grpc.client.call.retries"), ElementsAre(Pair(OfGetUser(), 1)));
  EXPECT_THAT(reader_->Read("grpc.client.call.retry_delay"), ElementsAre(Pair(OfGetUser(), 1)));
  EXPECT_THAT(reader_->Read("grpc.client.call.hedges"), IsEmpty());
  EXPECT_THAT(reader_->Read("userclient.attempts"), UnorderedElementsAre(Pair(OfGetUser({{"userclient.reason", "first"}}), 1),
                                                                         Pair(OfGetUser({{"userclient.reason", "retry"}}), 1)));
}

TEST_F(OpenTelemetryTest, GaugesShowTheClientAsItIs) {
  Connect(R"({"userclient": {"bulkheads": [{"name": "reads", "methods": [{"service": "user.v1.UserService"}],
              "maxConcurrentCalls": 7, "circuitBreaker": {}}]}})");
  ASSERT_TRUE(client_->OverrideCircuit("reads", CircuitOverride::kOpen).ok());
  const Labels of_reads = {{"grpc.target", "dns:///" + server_->address()}, {"userclient.compartment", "reads"}};
  Labels forced_open = of_reads;
  forced_open["userclient.state"] = "forced_open";

  EXPECT_THAT(reader_->Read("userclient.compartment.limit"), ElementsAre(Pair(of_reads, 7)));
  EXPECT_THAT(reader_->Read("userclient.circuit.state"), Contains(Pair(forced_open, 1)));
  forced_open["userclient.cause"] = "forced";
  EXPECT_THAT(reader_->Read("userclient.circuit.changes"), ElementsAre(Pair(forced_open, 1)));
}

}  // namespace
}  // namespace userclient::testing
