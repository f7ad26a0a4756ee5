#include "telemetry/opentelemetry/call_metrics.h"

#include <opentelemetry/context/context.h>

#include <algorithm>
#include <utility>

#include "telemetry/labels.h"
#include "telemetry/metric.h"
#include "telemetry/opentelemetry/attributes.h"

namespace userclient::internal {
namespace {

using opentelemetry::context::Context;
using opentelemetry::metrics::Meter;

auto MakeCounter(Meter& meter, const Metric& metric) {
  return meter.CreateUInt64Counter(View(metric.name), View(metric.description), View(metric.unit));
}

auto MakeDurations(Meter& meter, const Metric& metric) {
  return meter.CreateDoubleHistogram(View(metric.name), View(metric.description), View(metric.unit));
}

auto MakeNumbers(Meter& meter, const Metric& metric) {
  return meter.CreateUInt64Histogram(View(metric.name), View(metric.description), View(metric.unit));
}

double InSeconds(std::chrono::nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }

/// Of a bounded set.
std::string_view MethodLabel(const ObservedCall& call) {
  const auto& methods = call.client.methods;
  return std::find(methods.begin(), methods.end(), call.method) != methods.end() ? call.method : "other";
}

}  // namespace

CallMetrics::CallMetrics(Meter& meter, bool grpc_metrics, std::shared_ptr<Counter> rejections)
    : attempts_(MakeCounter(meter, kAttempts)), rejections_(std::move(rejections)), stand_ins_(MakeCounter(meter, kStandIns)) {
  if (!grpc_metrics) return;
  grpc_ = {.call_duration = MakeDurations(meter, kCallDuration),
           .attempt_started = MakeCounter(meter, kAttemptStarted),
           .attempt_duration = MakeDurations(meter, kAttemptDuration),
           .call_retries = MakeNumbers(meter, kCallRetries),
           .call_hedges = MakeNumbers(meter, kCallHedges),
           .call_retry_delay = MakeDurations(meter, kCallRetryDelay)};
}

void CallMetrics::CountAttempt(const ObservedCall& call, const ObservedAttempt& attempt, Counts& counts) const {
  ++counts.attempts;
  if (attempt.reason == AttemptReason::kHedge) {
    ++counts.hedges;
  } else if (attempt.reason != AttemptReason::kFirst) {
    ++counts.retries;
  }
  counts.delay += attempt.waited;
  Attributes of = MakeAttributes({{kMethodLabel, MethodLabel(call)}, {kTargetLabel, *counts.target}});
  if (grpc_) grpc_->attempt_started->Add(1, of);
  of.emplace_back(View(kReasonLabel), View(Label(attempt.reason)));
  attempts_->Add(1, of);
}

void CallMetrics::RecordAttempt(const ObservedCall& call, const AttemptReport& report, const Counts& counts) const {
  if (!grpc_) return;
  const std::string_view status = StatusLabel(static_cast<int>(report.status.code()));
  grpc_->attempt_duration->Record(
      InSeconds(report.duration),
      MakeAttributes({{kMethodLabel, MethodLabel(call)}, {kTargetLabel, *counts.target}, {kStatusLabel, status}}), Context{});
}

void CallMetrics::RecordCall(const ObservedCall& call, const CallReport& report, const Counts& counts) const {
  const Attributes of = MakeAttributes({{kMethodLabel, MethodLabel(call)}, {kTargetLabel, *counts.target}});
  const auto with = [&of](std::initializer_list<std::pair<std::string_view, std::string_view>> labels) {
    Attributes attributes = of;
    for (const auto& [name, value] : labels) attributes.emplace_back(View(name), View(value));
    return attributes;
  };
  if (grpc_) {
    if (counts.retries > 0) grpc_->call_retries->Record(static_cast<uint64_t>(counts.retries), of, Context{});
    if (counts.hedges > 0) grpc_->call_hedges->Record(static_cast<uint64_t>(counts.hedges), of, Context{});
    if (counts.attempts > 1) grpc_->call_retry_delay->Record(InSeconds(counts.delay), of, Context{});
  }
  if (call.flight) return;
  if (grpc_) {
    const std::string_view status = StatusLabel(static_cast<int>(report.code));
    grpc_->call_duration->Record(InSeconds(report.duration), with({{kStatusLabel, status}}), Context{});
  }
  if (report.rejection) {
    rejections_->Add(1, with({{kCompartmentLabel, call.compartment}, {kRejectionLabel, Label(*report.rejection)}}));
  }
  if (report.source != AnswerSource::kServer) stand_ins_->Add(1, with({{kSourceLabel, Label(report.source)}}));
}

}  // namespace userclient::internal
