// Spans and metrics, as an exporter of OpenTelemetry gets them, and the trace context that servers get.

#include "userclient/opentelemetry.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_context.h>
#include <gtest/gtest.h>
#include <opentelemetry/baggage/baggage.h>
#include <opentelemetry/baggage/baggage_context.h>
#include <opentelemetry/baggage/propagation/baggage_propagator.h>
#include <opentelemetry/context/propagation/composite_propagator.h>
#include <opentelemetry/context/propagation/global_propagator.h>
#include <opentelemetry/context/propagation/noop_propagator.h>
#include <opentelemetry/context/runtime_context.h>
#include <opentelemetry/exporters/memory/in_memory_span_data.h>
#include <opentelemetry/exporters/memory/in_memory_span_exporter.h>
#include <opentelemetry/metrics/provider.h>
#include <opentelemetry/sdk/metrics/aggregation/aggregation_config.h>
#include <opentelemetry/sdk/metrics/data/metric_data.h>
#include <opentelemetry/sdk/metrics/export/metric_producer.h>
#include <opentelemetry/sdk/metrics/meter_provider.h>
#include <opentelemetry/sdk/metrics/metric_reader.h>
#include <opentelemetry/sdk/metrics/view/instrument_selector_factory.h>
#include <opentelemetry/sdk/metrics/view/meter_selector_factory.h>
#include <opentelemetry/sdk/metrics/view/view_factory.h>
#include <opentelemetry/sdk/trace/simple_processor.h>
#include <opentelemetry/sdk/trace/tracer_provider.h>
#include <opentelemetry/trace/context.h>
#include <opentelemetry/trace/noop.h>
#include <opentelemetry/trace/propagation/http_trace_context.h>
#include <opentelemetry/trace/provider.h>
#include <opentelemetry/trace/scope.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "telemetry/opentelemetry/propagation.h"
#include "tests/support/scripted_service.h"
#include "tests/support/test_client.h"
#include "user/v1/user_service.grpc.pb.h"
#include "userclient/testing/flaky_user_server.h"
#include "userclient/version.h"

namespace userclient::testing {
namespace {

namespace context = opentelemetry::context;
namespace metrics = opentelemetry::sdk::metrics;
namespace nostd = opentelemetry::nostd;
namespace sdk = opentelemetry::sdk;
namespace trace = opentelemetry::trace;

using absl::StatusCode;
using opentelemetry::exporter::memory::InMemorySpanData;
using opentelemetry::exporter::memory::InMemorySpanExporter;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
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
  using Points = std::map<Labels, double>;

  Points Read(const std::string& name) { return ReadAll()[name]; }

  /// Of all histograms, by their names.
  std::map<std::string, std::vector<double>> ReadBuckets() {
    std::map<std::string, std::vector<double>> buckets;
    Collect([&](metrics::ResourceMetrics& collected) {
      for (const metrics::ScopeMetrics& scope : collected.scope_metric_data_) {
        for (const metrics::MetricData& metric : scope.metric_data_) {
          for (const metrics::PointDataAttributes& point : metric.point_data_attr_) {
            if (!nostd::holds_alternative<metrics::HistogramPointData>(point.point_data)) continue;
            buckets[metric.instrument_descriptor.name_] = nostd::get<metrics::HistogramPointData>(point.point_data).boundaries_;
          }
        }
      }
      return true;
    });
    return buckets;
  }

  /// One collection, by the names of the metrics.
  std::map<std::string, Points> ReadAll() {
    std::map<std::string, Points> all;
    Collect([&](metrics::ResourceMetrics& collected) {
      for (const metrics::ScopeMetrics& scope : collected.scope_metric_data_) {
        scopes_.push_back(scope.scope_->GetName() + " " + scope.scope_->GetVersion());
        for (const metrics::MetricData& metric : scope.metric_data_) Add(metric, all[metric.instrument_descriptor.name_]);
      }
      return true;
    });
    return all;
  }

  /// "NAME VERSION" of those who had metrics in any collection.
  const std::vector<std::string>& scopes() const { return scopes_; }

 private:
  static void Add(const metrics::MetricData& metric, Points& values) {
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

  std::vector<std::string> scopes_;
};

/// Where spans go, and those that got there.
struct Tracers {
  std::shared_ptr<trace::TracerProvider> provider{};
  std::shared_ptr<InMemorySpanData> exported{};
};

Tracers MakeTracers() {
  auto exporter = std::make_unique<InMemorySpanExporter>();
  std::shared_ptr<InMemorySpanData> exported = exporter->GetData();
  return {.provider = std::make_shared<sdk::trace::TracerProvider>(
              std::make_unique<sdk::trace::SimpleSpanProcessor>(std::move(exporter))),
          .exported = std::move(exported)};
}

std::shared_ptr<opentelemetry::metrics::MeterProvider> MakeMeters(std::shared_ptr<Reader> reader) {
  auto meters = std::make_shared<metrics::MeterProvider>();
  meters->AddMetricReader(std::move(reader));
  return meters;
}

// [buckets]
void SetLatencyBuckets(opentelemetry::sdk::metrics::MeterProvider& meters) {
  namespace sdk = opentelemetry::sdk::metrics;
  auto buckets = std::make_shared<sdk::HistogramAggregationConfig>();
  buckets->boundaries_ = userclient::LatencyBuckets();
  // From opentelemetry-cpp 1.23 on without the third "" of the view, a unit.
  meters.AddView(sdk::InstrumentSelectorFactory::Create(sdk::InstrumentType::kHistogram, "*", "s"),
                 sdk::MeterSelectorFactory::Create("userclient", "", ""),
                 sdk::ViewFactory::Create("", "", "", sdk::AggregationType::kHistogram, std::move(buckets)));
}
// [end]

/// Writes in a header of its own which span it is.
class OwnPropagator final : public context::propagation::TextMapPropagator {
 public:
  context::Context Extract(const context::propagation::TextMapCarrier&, context::Context& from) noexcept override { return from; }
  void Inject(context::propagation::TextMapCarrier& carrier, const context::Context& from) noexcept override {
    std::array<char, 16> id{};
    trace::GetSpan(from)->GetContext().span_id().ToLowerBase16(id);
    carrier.Set("X-Span", nostd::string_view(id.data(), id.size()));
  }
  bool Fields(nostd::function_ref<bool(nostd::string_view)> callback) const noexcept override { return callback("X-Span"); }
};

template <class Id>
std::string Hex(const Id& id) {
  std::string text(Id::kSize * 2, '0');
  id.ToLowerBase16(nostd::span<char, Id::kSize * 2>(text.data(), text.size()));
  return text;
}

/// Another tracer, of the program's own.
class OtherTracer final : public Observer {
 public:
  void OnAttemptStart(const ObservedCall&, const ObservedAttempt&, CallState*, Metadata& metadata) override {
    metadata.emplace_back("traceparent", kInbound);
    metadata.emplace_back("tracestate", "vendor=1");
  }
};

class OpenTelemetryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 1});
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));

    Tracers tracers = MakeTracers();
    exported_ = std::move(tracers.exported);
    trace::Provider::SetTracerProvider(tracers.provider);
    opentelemetry::metrics::Provider::SetMeterProvider(MakeMeters(reader_));
  }

  void TearDown() override {
    client_.reset();
    trace::Provider::SetTracerProvider({});
    opentelemetry::metrics::Provider::SetMeterProvider({});
    context::propagation::GlobalTextMapPropagator::SetGlobalPropagator(
        nostd::shared_ptr<context::propagation::TextMapPropagator>(new context::propagation::NoOpPropagator()));
  }

  void Connect(const std::string& config, const OpenTelemetryOptions& options = {}) {
    ConnectWith({OpenTelemetryObserver::Create(options)}, config);
  }

  void ConnectWith(const std::vector<std::shared_ptr<Observer>>& observers, const std::string& config = RetryConfig()) {
    auto client = UserClient::Create({.target = server_->address(),
                                      .credentials = Credentials::Insecure(),
                                      .service_config_json = config,
                                      .observers = observers});
    ASSERT_TRUE(client.ok()) << client.status();
    client_.emplace(*std::move(client));
  }

  struct Span {
    std::string name{};
    std::string trace{};
    std::string id{};
    std::string parent{};
    trace::StatusCode status = trace::StatusCode::kUnset;
    std::string description{};
    /// "NAME VERSION"
    std::string scope{};
    Labels attributes{};
  };

  /// Those that have ended since the last time, in that order.
  std::vector<Span> Spans() { return SpansIn(*exported_); }

  static std::vector<Span> SpansIn(InMemorySpanData& exported) {
    std::vector<Span> spans;
    for (const auto& data : exported.GetSpans()) {
      Span& span = spans.emplace_back();
      span.name = std::string(data->GetName().data(), data->GetName().size());
      span.trace = Hex(data->GetTraceId());
      span.id = Hex(data->GetSpanId());
      span.parent = data->GetParentSpanId().IsValid() ? Hex(data->GetParentSpanId()) : "";
      span.status = data->GetStatus();
      span.description = std::string(data->GetDescription().data(), data->GetDescription().size());
      span.scope = data->GetInstrumentationScope().GetName() + " " + data->GetInstrumentationScope().GetVersion();
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
    EXPECT_EQ(Traceparent(received[i]), "00-" + spans[i].trace + "-" + spans[i].id + "-01");
  }
  EXPECT_EQ(spans[0].status, trace::StatusCode::kError);
  EXPECT_THAT(spans[0].attributes, Contains(Pair("userclient.reason", "first")));
  EXPECT_THAT(spans[1].attributes, Contains(Pair("userclient.reason", "retry")));
}

TEST_F(OpenTelemetryTest, SpansSayWhereTheServerIsAndWhichOneItWas) {
  Connect(RetryConfig());
  const std::string port = std::to_string(server_->port());

  ASSERT_TRUE(client_->GetUser(AskFor("u-1")).ok());

  const std::vector<Span> spans = Spans();
  ASSERT_EQ(spans.size(), 2u);
  const Labels& attempt = spans[0].attributes;
  EXPECT_THAT(attempt, Contains(Pair("network.peer.address", "127.0.0.1")));
  EXPECT_THAT(attempt, Contains(Pair("network.peer.port", port)));
  EXPECT_THAT(attempt, Contains(Pair("network.transport", "tcp")));
  EXPECT_THAT(attempt, Contains(Pair("network.type", "ipv4")));
  EXPECT_THAT(attempt, Contains(Pair("rpc.service", "user.v1.UserService")));
  EXPECT_THAT(attempt, Contains(Pair("rpc.method", "GetUser")));
  for (const Span& span : spans) {
    EXPECT_THAT(span.attributes, Contains(Pair("rpc.system", "grpc")));
    EXPECT_THAT(span.attributes, Contains(Pair("server.address", "127.0.0.1")));
    EXPECT_THAT(span.attributes, Contains(Pair("server.port", port)));
    EXPECT_THAT(span.attributes, Not(Contains(Key("error.type"))));
  }
}

TEST_F(OpenTelemetryTest, AFailedSpanHasTheCodeAndWhatTheServerSaid) {
  Connect(NoRetryConfig());
  server_->Script("GetUser", {Fail(StatusCode::kNotFound, "no user alice@example.com")});

  ASSERT_FALSE(client_->GetUser(AskFor("u-1")).ok());

  const std::vector<Span> spans = Spans();
  ASSERT_EQ(spans.size(), 2u);
  for (const Span& span : spans) {
    EXPECT_EQ(span.description, "NOT_FOUND, no user alice@example.com");
    EXPECT_THAT(span.attributes, Contains(Pair("error.type", "NOT_FOUND")));
    EXPECT_THAT(span.attributes, Contains(Pair("rpc.grpc.status_code", "5")));
  }
}

TEST_F(OpenTelemetryTest, WithoutMessagesAFailedSpanHasTheCodeAlone) {
  Connect(NoRetryConfig(), {.messages = false});
  server_->Script("GetUser", {Fail(StatusCode::kNotFound, "no user alice@example.com")});

  ASSERT_FALSE(client_->GetUser(AskFor("u-1")).ok());

  const std::vector<Span> spans = Spans();
  ASSERT_EQ(spans.size(), 2u);
  for (const Span& span : spans) {
    EXPECT_EQ(span.description, "NOT_FOUND");
    EXPECT_THAT(span.attributes, Not(Contains(Pair(::testing::_, ::testing::HasSubstr("alice")))));
  }
}

TEST_F(OpenTelemetryTest, SpansAndMetricsNameThisVersion) {
  Connect(RetryConfig());
  const std::string this_version = std::string("userclient ") + USERCLIENT_VERSION_STRING;

  ASSERT_TRUE(client_->GetUser(AskFor("u-1")).ok());

  const std::vector<Span> spans = Spans();
  ASSERT_EQ(spans.size(), 2u);
  for (const Span& span : spans) EXPECT_EQ(span.scope, this_version);
  EXPECT_THAT(reader_->Read("userclient.attempts"), Not(IsEmpty()));
  EXPECT_THAT(reader_->scopes(), ElementsAre(this_version));
}

TEST_F(OpenTelemetryTest, ProvidersAndThePropagatorCanBeGiven) {
  const Tracers tracers = MakeTracers();
  const auto reader = std::make_shared<Reader>();
  Connect(RetryConfig(), {.tracer_provider = tracers.provider,
                          .meter_provider = MakeMeters(reader),
                          .propagator = std::make_shared<OwnPropagator>()});

  ASSERT_TRUE(client_->GetUser(AskFor("u-1")).ok());

  const std::vector<Span> spans = SpansIn(*tracers.exported);
  ASSERT_EQ(spans.size(), 2u);
  EXPECT_THAT(reader->Read("userclient.attempts"), Not(IsEmpty()));
  const ReceivedAttempt received = server_->ReceivedAttempts("GetUser").at(0);
  EXPECT_THAT(received.metadata, Contains(Pair("x-span", spans[0].id)));
  EXPECT_THAT(received.metadata, Not(Contains(Key("traceparent"))));
  // Nothing has gone to the global ones.
  EXPECT_THAT(Spans(), IsEmpty());
  EXPECT_THAT(reader_->ReadAll(), IsEmpty());
}

TEST_F(OpenTelemetryTest, TheGlobalPropagatorCarriesWhatIsCurrentOnTheCallingThread) {
  std::vector<std::unique_ptr<context::propagation::TextMapPropagator>> both;
  both.push_back(std::make_unique<trace::propagation::HttpTraceContext>());
  both.push_back(std::make_unique<opentelemetry::baggage::propagation::BaggagePropagator>());
  context::propagation::GlobalTextMapPropagator::SetGlobalPropagator(
      nostd::shared_ptr<context::propagation::TextMapPropagator>(new context::propagation::CompositePropagator(std::move(both))));
  Connect(RetryConfig());
  context::Context current = context::RuntimeContext::GetCurrent();
  const auto token = context::RuntimeContext::Attach(
      opentelemetry::baggage::SetBaggage(current, opentelemetry::baggage::Baggage::FromHeader("region=north")));

  ASSERT_TRUE(client_->GetUserAsync(AskFor("u-1")).Get().ok());

  const std::vector<Span> spans = Spans();
  ASSERT_EQ(spans.size(), 2u);
  const ReceivedAttempt received = server_->ReceivedAttempts("GetUser").at(0);
  EXPECT_EQ(Traceparent(received), "00-" + spans[0].trace + "-" + spans[0].id + "-01");
  EXPECT_THAT(received.metadata, Contains(Pair("baggage", "region=north")));
}

TEST_F(OpenTelemetryTest, OfTwoThatTraceTheServerIsToldOfTheLast) {
  const Tracers last = MakeTracers();
  ConnectWith({OpenTelemetryObserver::Create({.metrics = false}),
               OpenTelemetryObserver::Create({.metrics = false, .tracer_provider = last.provider})});

  ASSERT_TRUE(client_->GetUser(AskFor("u-1")).ok());

  EXPECT_EQ(Spans().size(), 2u);
  const std::vector<Span> spans = SpansIn(*last.exported);
  ASSERT_EQ(spans.size(), 2u);
  EXPECT_EQ(Traceparent(server_->ReceivedAttempts("GetUser").at(0)), "00-" + spans[0].trace + "-" + spans[0].id + "-01");
}

TEST_F(OpenTelemetryTest, WhatAnotherTracerHasWrittenIsReplacedAsAWhole) {
  ConnectWith({std::make_shared<OtherTracer>(), OpenTelemetryObserver::Create()});

  ASSERT_TRUE(client_->GetUser(AskFor("u-1")).ok());

  const std::vector<Span> spans = Spans();
  ASSERT_EQ(spans.size(), 2u);
  const ReceivedAttempt received = server_->ReceivedAttempts("GetUser").at(0);
  EXPECT_EQ(Traceparent(received), "00-" + spans[0].trace + "-" + spans[0].id + "-01");
  EXPECT_THAT(received.metadata, Not(Contains(Key("tracestate"))));
}

TEST_F(OpenTelemetryTest, AnotherTracerBehindItIsToldInItsPlace) {
  ConnectWith({OpenTelemetryObserver::Create(), std::make_shared<OtherTracer>()});

  ASSERT_TRUE(client_->GetUser(AskFor("u-1"), {.metadata = {{"traceparent", kInbound}, {"tracestate", "mine=1"}}}).ok());

  EXPECT_EQ(Spans().size(), 2u);
  const ReceivedAttempt received = server_->ReceivedAttempts("GetUser").at(0);
  EXPECT_EQ(Traceparent(received), kInbound);
  EXPECT_EQ(received.metadata.count("tracestate"), 1u);
  EXPECT_THAT(received.metadata, Contains(Pair("tracestate", "vendor=1")));
}

TEST_F(OpenTelemetryTest, WhatAnotherTracerHasWrittenStaysWhereNobodyElseTraces) {
  ConnectWith({std::make_shared<OtherTracer>(),
               OpenTelemetryObserver::Create({.tracer_provider = std::make_shared<trace::NoopTracerProvider>()})});

  ASSERT_TRUE(client_->GetUser(AskFor("u-1")).ok());

  const ReceivedAttempt received = server_->ReceivedAttempts("GetUser").at(0);
  EXPECT_EQ(Traceparent(received), kInbound);
  EXPECT_THAT(received.metadata, Contains(Pair("tracestate", "vendor=1")));
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
  EXPECT_THAT((std::vector{spans[0].attributes.at("userclient.reason"), spans[1].attributes.at("userclient.reason")}),
              UnorderedElementsAre("first", "hedge"));
  EXPECT_EQ(spans[0].status, trace::StatusCode::kOk);
  EXPECT_EQ(spans[1].description, "CANCELLED, cancelled here: another attempt had ended the call");
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

TEST_F(OpenTelemetryTest, MetricsOfGrpcCanBeLeftToItsOwnPlugin) {
  Connect(RetryConfig(), {.grpc_metrics = false});
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable), Ok()});

  ASSERT_TRUE(client_->GetUser(AskFor("u-1")).ok());

  const auto all = reader_->ReadAll();
  EXPECT_THAT(all, Contains(Key("userclient.attempts")));
  EXPECT_THAT(all, Contains(Key("userclient.calls.in_flight")));
  EXPECT_THAT(all, Each(Key(::testing::StartsWith("userclient."))));
}

TEST_F(OpenTelemetryTest, AllGaugesOfACollectionAreOfTheSameMoment) {
  int moment = 0;
  const ObservedClient client = {
      .service = "user.v1.UserService", .target = "users:50051", .snapshot = [&moment] {
        ++moment;
        return std::optional(ClientSnapshot{.target = "users:50051", .config_version = moment, .calls_in_flight = moment});
      }};
  const auto observer = OpenTelemetryObserver::Create();
  observer->OnClientStart(client);
  moment = 0;
  const Labels of_users = {{"grpc.target", "dns:///users:50051"}};

  for (const int collection : {1, 2}) {
    auto all = reader_->ReadAll();
    EXPECT_EQ(moment, collection);
    EXPECT_THAT(all["userclient.config.version"], ElementsAre(Pair(of_users, collection)));
    EXPECT_THAT(all["userclient.calls.in_flight"], ElementsAre(Pair(of_users, collection)));
  }

  observer->OnClientEnd(client);
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
  EXPECT_THAT(reader_->Read("userclient.circuit.changes"), Contains(Pair(forced_open, 1)));
}

TEST_F(OpenTelemetryTest, WhatAlarmsWaitForIsThereBeforeItHasEverHappened) {
  Connect("{}");
  const Labels of_target = {{"grpc.target", "dns:///" + server_->address()}};
  Labels refused_config = of_target;
  refused_config["userclient.event"] = "config_refused";
  const Labels circuit_open = OfGetUser({{"userclient.compartment", "default"}, {"userclient.rejection", "circuit_open"}});
  Labels opened = of_target;
  opened.merge(Labels{{"userclient.compartment", "reads"}, {"userclient.state", "open"}, {"userclient.cause", "failure_ratio"}});

  EXPECT_THAT(reader_->Read("userclient.events"), Contains(Pair(refused_config, 0)));
  EXPECT_THAT(reader_->Read("userclient.rejections"), Contains(Pair(circuit_open, 0)));
  EXPECT_THAT(reader_->Read("userclient.circuit.changes"), IsEmpty());

  ASSERT_TRUE(client_
                  ->SetConfig(*ServiceConfig::Parse(R"({"userclient": {"bulkheads": [{"name": "reads",
      "methods": [{"service": "user.v1.UserService"}], "circuitBreaker": {}}]}})"))
                  .ok());

  EXPECT_THAT(reader_->Read("userclient.circuit.changes"), Contains(Pair(opened, 0)));
}

TEST_F(OpenTelemetryTest, ACallThatIsRefusedIsCountedInTheSeriesThatWasThere) {
  Connect(R"({"userclient": {"bulkheads": [{"name": "reads", "methods": [{"service": "user.v1.UserService"}],
              "circuitBreaker": {}}]}})");
  const size_t series = reader_->Read("userclient.rejections").size();
  ASSERT_TRUE(client_->OverrideCircuit("reads", CircuitOverride::kOpen).ok());

  ASSERT_FALSE(client_->GetUser(AskFor("u-1")).ok());

  const Reader::Points rejections = reader_->Read("userclient.rejections");
  EXPECT_EQ(rejections.size(), series);
  EXPECT_THAT(rejections,
              Contains(Pair(OfGetUser({{"userclient.compartment", "reads"}, {"userclient.rejection", "circuit_open"}}), 1)));
}

TEST_F(OpenTelemetryTest, TargetsAreToldByTheLabelThatTheProgramGivesThem) {
  std::string asked;
  Connect(R"({"userclient": {"bulkheads": [{"name": "reads", "methods": [{"service": "user.v1.UserService"}],
              "circuitBreaker": {}}]}})",
          {.target_label = [&asked](std::string_view target) {
            asked = target;
            return std::string("other");
          }});

  ASSERT_TRUE(client_->GetUser(AskFor("u-1")).ok());
  ASSERT_TRUE(client_->OverrideCircuit("reads", CircuitOverride::kOpen).ok());
  ASSERT_FALSE(client_->GetUser(AskFor("u-1")).ok());

  EXPECT_EQ(asked, "dns:///" + server_->address());
  const auto all = reader_->ReadAll();
  EXPECT_GT(all.size(), 15u);
  for (const auto& [name, points] : all) EXPECT_THAT(points, Each(Key(Contains(Pair("grpc.target", "other"))))) << name;
  // A trace is no series: it says where the call really went.
  EXPECT_THAT(Spans().back().attributes, Contains(Pair("grpc.target", "dns:///" + server_->address())));
}

TEST_F(OpenTelemetryTest, TheViewOfTheDocumentGivesDurationsTheBucketsOfA66) {
  const auto reader = std::make_shared<Reader>();
  const auto meters = std::make_shared<metrics::MeterProvider>();
  SetLatencyBuckets(*meters);
  meters->AddMetricReader(reader);
  Connect(RetryConfig(), {.meter_provider = meters});
  server_->Script("GetUser", {Fail(StatusCode::kUnavailable), Ok()});

  ASSERT_TRUE(client_->GetUser(AskFor("u-1")).ok());

  ASSERT_EQ(LatencyBuckets().size(), 41u);
  const auto buckets = reader->ReadBuckets();
  for (const char* const name : {"grpc.client.call.duration", "grpc.client.attempt.duration", "grpc.client.call.retry_delay"}) {
    EXPECT_THAT(buckets, Contains(Pair(name, LatencyBuckets())));
  }
  EXPECT_THAT(buckets, Contains(Pair("grpc.client.call.retries", Not(LatencyBuckets()))));
}

TEST(SenderOfTest, KeepsTheFlagsThatTheStandardKnows) {
  const auto flags = [](const char* text) {
    return internal::SenderOf({.traceparent = std::string("00-") + kTrace + "-b7ad6b7169203331-" + text}).trace_flags().flags();
  };

  EXPECT_EQ(flags("00"), 0);
  EXPECT_EQ(flags("01"), trace::TraceFlags::kIsSampled);
  EXPECT_EQ(flags("03"), trace::TraceFlags::kIsSampled | trace::TraceFlags::kIsRandom);
  EXPECT_EQ(flags("fe"), trace::TraceFlags::kIsRandom);
}

}  // namespace
}  // namespace userclient::testing
