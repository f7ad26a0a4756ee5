#include "tests/benchmark/opentelemetry_sink.h"

#include <opentelemetry/metrics/provider.h>
#include <opentelemetry/sdk/metrics/meter_provider.h>
#include <opentelemetry/sdk/metrics/metric_reader.h>
#include <opentelemetry/sdk/trace/processor.h>
#include <opentelemetry/sdk/trace/span_data.h>
#include <opentelemetry/sdk/trace/tracer_provider.h>
#include <opentelemetry/trace/provider.h>

#include <chrono>
#include <memory>
#include <utility>

namespace userclient::benchmark {
namespace {

namespace metrics = opentelemetry::sdk::metrics;
namespace nostd = opentelemetry::nostd;
namespace trace = opentelemetry::sdk::trace;
using std::chrono::microseconds;

class DroppingProcessor final : public trace::SpanProcessor {
 public:
  std::unique_ptr<trace::Recordable> MakeRecordable() noexcept override { return std::make_unique<trace::SpanData>(); }
  void OnStart(trace::Recordable&, const opentelemetry::trace::SpanContext&) noexcept override {}
  void OnEnd(std::unique_ptr<trace::Recordable>&& span) noexcept override { span.reset(); }
  bool ForceFlush(microseconds) noexcept override { return true; }
  bool Shutdown(microseconds) noexcept override { return true; }
};

class SilentReader final : public metrics::MetricReader {
 public:
  metrics::AggregationTemporality GetAggregationTemporality(metrics::InstrumentType) const noexcept override {
    return metrics::AggregationTemporality::kCumulative;
  }

 private:
  bool OnForceFlush(microseconds) noexcept override { return true; }
  bool OnShutDown(microseconds) noexcept override { return true; }
};

}  // namespace

void SinkTelemetry() {
  static const bool kSet = [] {
    opentelemetry::trace::Provider::SetTracerProvider(nostd::shared_ptr<opentelemetry::trace::TracerProvider>(
        new trace::TracerProvider(std::make_unique<DroppingProcessor>())));
    auto meters = std::make_unique<metrics::MeterProvider>();
    meters->AddMetricReader(std::make_shared<SilentReader>());
    opentelemetry::metrics::Provider::SetMeterProvider(
        nostd::shared_ptr<opentelemetry::metrics::MeterProvider>(meters.release()));
    return true;
  }();
  static_cast<void>(kSet);
}

}  // namespace userclient::benchmark
