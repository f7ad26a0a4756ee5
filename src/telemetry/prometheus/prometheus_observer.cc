#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <exception>
#include <shared_mutex>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "telemetry/client_gauges.h"
#include "telemetry/labels.h"
#include "telemetry/metric.h"
#include "telemetry/prometheus/names.h"
#include "telemetry/zero_series.h"
#include "userclient/prometheus.h"

namespace userclient {
namespace {

using internal::Label;
using internal::LabelValues;
using internal::Metric;
using internal::PrometheusName;
using prometheus::Counter;
using prometheus::Family;
using prometheus::Histogram;
using Buckets = Histogram::BucketBoundaries;

prometheus::Labels ToLabels(const LabelValues& values) {
  prometheus::Labels labels;
  for (const auto& [name, value] : values) labels.emplace(PrometheusName(name), value);
  return labels;
}

LabelValues With(LabelValues labels, std::string_view name, std::string_view value) {
  labels.emplace_back(name, value);
  return labels;
}

/// One series, made when it is first counted: what never happens is not exposed.
template <class Series>
class Lazy {
 public:
  template <class MakeLabels, class... Args>
  Series& Get(Family<Series>& family, MakeLabels make_labels, const Args&... args) {
    Series* series = series_.load(std::memory_order_acquire);
    if (series == nullptr) {
      // The family gives the one that is there, if another thread is faster.
      series = &family.Add(ToLabels(make_labels()), args...);
      series_.store(series, std::memory_order_release);
    }
    return *series;
  }

 private:
  std::atomic<Series*> series_{nullptr};
};

double InSeconds(std::chrono::nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }

/// *Errors:* INVALID_ARGUMENT naming the option.
absl::Status CheckBuckets(const Buckets& buckets) {
  for (size_t i = 0; i < buckets.size(); ++i) {
    const auto wrong = [i](std::string_view problem) {
      return absl::InvalidArgumentError(absl::StrCat("PrometheusOptions.latency_buckets[", i, "]: ", std::string(problem)));
    };
    if (!std::isfinite(buckets[i])) return wrong("must be a finite number; the bucket without a bound is added by itself");
    if (i > 0 && buckets[i] <= buckets[i - 1]) return wrong("must be more than the one before");
  }
  return absl::OkStatus();
}

/// *Errors:* INVALID_ARGUMENT naming the label.
absl::Status CheckConstantLabels(const std::map<std::string, std::string>& labels) {
  const auto refuse = [](const std::string& name, std::string_view owner) {
    return absl::InvalidArgumentError(absl::StrCat("PrometheusOptions.constant_labels: ", name, " is a label of ",
                                                   std::string(owner), "; choose another name"));
  };
  for (const std::string_view label : internal::kLabels) {
    const std::string name = PrometheusName(label);
    if (labels.contains(name)) return refuse(name, "the metrics themselves");
  }
  for (const char* const name : {"le", "quantile"}) {
    if (labels.contains(name)) return refuse(name, "Prometheus's own, for buckets and quantiles");
  }
  for (const auto& [name, value] : labels) {
    if (internal::CanBeLabelValue(value)) continue;
    return absl::InvalidArgumentError(absl::StrCat("PrometheusOptions.constant_labels: the value of ", name, " is not UTF-8"));
  }
  return absl::OkStatus();
}

}  // namespace

class PrometheusObserver::Metrics final : public prometheus::Collectable {
 public:
  explicit Metrics(const PrometheusOptions& options)
      : constant_labels_(options.constant_labels.begin(), options.constant_labels.end()),
        latency_buckets_(options.latency_buckets.empty() ? internal::LatencyBuckets() : options.latency_buckets),
        target_label_(internal::TargetLabelOr(options.target_label)) {}

  /// The series of one method of one target.
  struct OfMethod {
    LabelValues labels{};
    std::array<Lazy<Histogram>, internal::kStatusCodes> call_duration{};
    std::array<Lazy<Histogram>, internal::kStatusCodes> attempt_duration{};
    Lazy<Counter> started{};
    /// By AttemptReason.
    std::array<Lazy<Counter>, 7> attempts{};
    Lazy<Histogram> retries{};
    Lazy<Histogram> hedges{};
    Lazy<Histogram> retry_delay{};
  };

  /// What has to be remembered of a call.
  struct Call final : public CallState {
    explicit Call(std::shared_ptr<OfMethod> of_method) : method(std::move(of_method)) {}

    const std::shared_ptr<OfMethod> method;
    int attempts = 0;
    int retries = 0;
    int hedges = 0;
    std::chrono::nanoseconds delay{};
  };

  void Add(const ObservedClient& client);
  void Remove(const ObservedClient& client);
  std::shared_ptr<OfMethod> Find(const ObservedCall& call);

  void CountAttempt(OfMethod& method, AttemptReason reason);
  void RecordAttempt(OfMethod& method, const AttemptReport& report);
  void RecordCall(OfMethod& method, const CallReport& report);
  void RecordRetries(const Call& call);

  void CountRejection(const OfMethod& method, std::string_view compartment, Rejection rejection);
  void CountStandIn(const OfMethod& method, AnswerSource source);
  void CountChange(const ObservedClient& client, std::string_view compartment, const CircuitTransition& transition);
  void CountEvent(const ObservedClient& client, const ClientEvent& event);

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  /// Makes the counters that alarms wait for.
  void ShowZeros(const ClientSnapshot& client) const;

  using OfClient = std::unordered_map<std::string_view, std::shared_ptr<OfMethod>>;

  template <class Series>
  Family<Series>& MakeFamily(const Metric& metric) {
    if constexpr (std::is_same_v<Series, Counter>) {
      return prometheus::BuildCounter()
          .Name(PrometheusName(metric))
          .Help(std::string(metric.description))
          .Labels(constant_labels_)
          .Register(registry_);
    } else {
      return prometheus::BuildHistogram()
          .Name(PrometheusName(metric))
          .Help(std::string(metric.description))
          .Labels(constant_labels_)
          .Register(registry_);
    }
  }

  const prometheus::Labels constant_labels_;
  const Buckets latency_buckets_;
  const internal::TargetLabel target_label_;
  prometheus::Registry registry_;
  Family<Histogram>& call_duration_ = MakeFamily<Histogram>(internal::kCallDuration);
  Family<Counter>& attempt_started_ = MakeFamily<Counter>(internal::kAttemptStarted);
  Family<Histogram>& attempt_duration_ = MakeFamily<Histogram>(internal::kAttemptDuration);
  Family<Histogram>& call_retries_ = MakeFamily<Histogram>(internal::kCallRetries);
  Family<Histogram>& call_hedges_ = MakeFamily<Histogram>(internal::kCallHedges);
  Family<Histogram>& call_retry_delay_ = MakeFamily<Histogram>(internal::kCallRetryDelay);
  Family<Counter>& attempts_ = MakeFamily<Counter>(internal::kAttempts);
  Family<Counter>& rejections_ = MakeFamily<Counter>(internal::kRejections);
  Family<Counter>& stand_ins_ = MakeFamily<Counter>(internal::kStandIns);
  Family<Counter>& circuit_changes_ = MakeFamily<Counter>(internal::kCircuitChanges);
  Family<Counter>& events_ = MakeFamily<Counter>(internal::kEvents);

  std::shared_mutex mutex_;
  // Guarded by mutex_. By the label of the target, and method; what was counted once stays.
  std::map<std::pair<std::string, std::string>, std::shared_ptr<OfMethod>> methods_;
  std::unordered_map<const ObservedClient*, OfClient> clients_;

  mutable internal::ObservedClients observed_;
};

void PrometheusObserver::Metrics::Add(const ObservedClient& client) {
  observed_.Add(client);
  if (const std::optional<ClientSnapshot> snapshot = client.snapshot()) ShowZeros(*snapshot);
  const std::string target = target_label_(client.target);
  const std::lock_guard lock(mutex_);
  OfClient& of_client = clients_[&client];
  const auto add = [&](const std::string& name) {
    const auto [place, added] = methods_.try_emplace({target, name});
    if (added) {
      place->second = std::make_shared<OfMethod>();
      place->second->labels = {{internal::kMethodLabel, name}, {internal::kTargetLabel, target}};
    }
    of_client.emplace(place->first.second, place->second);
  };
  for (const std::string& method : client.methods) add(method);
  add("other");
}

void PrometheusObserver::Metrics::Remove(const ObservedClient& client) {
  observed_.Remove(client);
  const std::lock_guard lock(mutex_);
  clients_.erase(&client);
}

std::shared_ptr<PrometheusObserver::Metrics::OfMethod> PrometheusObserver::Metrics::Find(const ObservedCall& call) {
  const std::shared_lock lock(mutex_);
  const OfClient& of_client = clients_.find(&call.client)->second;
  const auto found = of_client.find(call.method);
  return found != of_client.end() ? found->second : of_client.find("other")->second;
}

void PrometheusObserver::Metrics::CountAttempt(OfMethod& method, AttemptReason reason) {
  method.started.Get(attempt_started_, [&] { return method.labels; }).Increment();
  const auto number = static_cast<size_t>(reason);
  method.attempts[number < method.attempts.size() ? number : 0]
      .Get(attempts_, [&] { return With(method.labels, internal::kReasonLabel, Label(reason)); })
      .Increment();
}

namespace {

size_t StatusNumber(absl::StatusCode code) {
  const int number = static_cast<int>(code);
  return number >= 0 && number < internal::kStatusCodes ? static_cast<size_t>(number) : 2;
}

}  // namespace

void PrometheusObserver::Metrics::RecordAttempt(OfMethod& method, const AttemptReport& report) {
  const size_t status = StatusNumber(report.status.code());
  method.attempt_duration[status]
      .Get(
          attempt_duration_,
          [&] { return With(method.labels, internal::kStatusLabel, internal::StatusLabel(static_cast<int>(status))); },
          latency_buckets_)
      .Observe(InSeconds(report.duration));
}

void PrometheusObserver::Metrics::RecordCall(OfMethod& method, const CallReport& report) {
  const size_t status = StatusNumber(report.code);
  method.call_duration[status]
      .Get(
          call_duration_,
          [&] { return With(method.labels, internal::kStatusLabel, internal::StatusLabel(static_cast<int>(status))); },
          latency_buckets_)
      .Observe(InSeconds(report.duration));
}

void PrometheusObserver::Metrics::RecordRetries(const Call& call) {
  OfMethod& method = *call.method;
  const auto labels = [&] { return method.labels; };
  const Buckets& buckets = internal::RetryBuckets();
  if (call.retries > 0) method.retries.Get(call_retries_, labels, buckets).Observe(call.retries);
  if (call.hedges > 0) method.hedges.Get(call_hedges_, labels, buckets).Observe(call.hedges);
  if (call.attempts > 1) method.retry_delay.Get(call_retry_delay_, labels, latency_buckets_).Observe(InSeconds(call.delay));
}

void PrometheusObserver::Metrics::CountRejection(const OfMethod& method, std::string_view compartment, Rejection rejection) {
  rejections_
      .Add(ToLabels(
          With(With(method.labels, internal::kCompartmentLabel, compartment), internal::kRejectionLabel, Label(rejection))))
      .Increment();
}

void PrometheusObserver::Metrics::CountStandIn(const OfMethod& method, AnswerSource source) {
  stand_ins_.Add(ToLabels(With(method.labels, internal::kSourceLabel, Label(source)))).Increment();
}

void PrometheusObserver::Metrics::CountChange(const ObservedClient& client, std::string_view compartment,
                                              const CircuitTransition& transition) {
  circuit_changes_
      .Add(ToLabels({{internal::kTargetLabel, target_label_(client.target)},
                     {internal::kCompartmentLabel, std::string(compartment)},
                     {internal::kStateLabel, std::string(Label(transition.to))},
                     {internal::kCauseLabel, std::string(Label(transition.cause))}}))
      .Increment();
}

void PrometheusObserver::Metrics::CountEvent(const ObservedClient& client, const ClientEvent& event) {
  events_
      .Add(ToLabels(
          {{internal::kTargetLabel, target_label_(client.target)}, {internal::kEventLabel, std::string(Label(event.kind))}}))
      .Increment();
}

void PrometheusObserver::Metrics::ShowZeros(const ClientSnapshot& client) const {
  for (const internal::CounterSeries& series : internal::ZeroSeries(client, target_label_(client.target))) {
    for (const auto& [metric, family] :
         {std::pair(&internal::kRejections, &rejections_), std::pair(&internal::kCircuitChanges, &circuit_changes_),
          std::pair(&internal::kEvents, &events_)}) {
      if (series.metric == metric) family->Add(ToLabels(series.labels));
    }
  }
}

std::vector<prometheus::MetricFamily> PrometheusObserver::Metrics::Collect() const {
  const std::vector<ClientSnapshot> clients = observed_.Snapshots();
  // A reload may have made compartments.
  for (const ClientSnapshot& client : clients) ShowZeros(client);
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  for (const internal::GaugeReadings& gauge : internal::ReadGauges(clients, target_label_)) {
    prometheus::MetricFamily& family = families.emplace_back();
    family.name = PrometheusName(*gauge.metric);
    family.help = std::string(gauge.metric->description);
    family.type = prometheus::MetricType::Gauge;
    for (const internal::Reading& reading : gauge.readings) {
      prometheus::ClientMetric& series = family.metric.emplace_back();
      for (const auto& [name, value] : constant_labels_) series.label.push_back({name, value});
      for (const auto& [name, value] : reading.labels) series.label.push_back({PrometheusName(name), value});
      series.gauge.value = reading.value;
    }
  }
  return families;
}

// ---- The observer

absl::StatusOr<std::shared_ptr<PrometheusObserver>> PrometheusObserver::Create(const PrometheusOptions& options) {
  if (absl::Status status = CheckBuckets(options.latency_buckets); !status.ok()) return status;
  if (absl::Status status = CheckConstantLabels(options.constant_labels); !status.ok()) return status;
  try {
    return std::shared_ptr<PrometheusObserver>(new PrometheusObserver(std::make_shared<Metrics>(options)));
  } catch (const std::exception& error) {
    // prometheus-cpp's way to refuse the name of a label.
    return absl::InvalidArgumentError(absl::StrCat("PrometheusOptions.constant_labels: ", error.what()));
  }
}

PrometheusObserver::PrometheusObserver(std::shared_ptr<Metrics> metrics) : metrics_(std::move(metrics)) {}

PrometheusObserver::~PrometheusObserver() = default;

std::shared_ptr<prometheus::Collectable> PrometheusObserver::collectable() const { return metrics_; }

std::string PrometheusObserver::Text() const { return prometheus::TextSerializer().Serialize(metrics_->Collect()); }

void PrometheusObserver::OnClientStart(const ObservedClient& client) { metrics_->Add(client); }

void PrometheusObserver::OnClientEnd(const ObservedClient& client) { metrics_->Remove(client); }

std::unique_ptr<CallState> PrometheusObserver::OnCallStart(const ObservedCall& call, const CallOptions& /*options*/) {
  return std::make_unique<Metrics::Call>(metrics_->Find(call));
}

void PrometheusObserver::OnAttemptStart(const ObservedCall& /*call*/, const ObservedAttempt& attempt, CallState* state,
                                        Metadata& /*metadata*/) {
  auto& call = static_cast<Metrics::Call&>(*state);
  ++call.attempts;
  if (attempt.reason == AttemptReason::kHedge) {
    ++call.hedges;
  } else if (attempt.reason != AttemptReason::kFirst) {
    ++call.retries;
  }
  call.delay += attempt.waited;
  metrics_->CountAttempt(*call.method, attempt.reason);
}

void PrometheusObserver::OnAttemptEnd(const ObservedCall& /*call*/, const ObservedAttempt& /*attempt*/,
                                      const AttemptReport& report, CallState* state) {
  metrics_->RecordAttempt(*static_cast<Metrics::Call&>(*state).method, report);
}

void PrometheusObserver::OnCallEnd(const ObservedCall& call, const CallReport& report, const absl::Status& /*status*/,
                                   CallState* state) {
  auto& counted = static_cast<Metrics::Call&>(*state);
  metrics_->RecordRetries(counted);
  if (call.flight) return;
  metrics_->RecordCall(*counted.method, report);
  if (report.rejection) metrics_->CountRejection(*counted.method, call.compartment, *report.rejection);
  if (report.source != AnswerSource::kServer) metrics_->CountStandIn(*counted.method, report.source);
}

void PrometheusObserver::OnCircuitChange(const ObservedClient& client, std::string_view compartment,
                                         const CircuitTransition& transition) {
  metrics_->CountChange(client, compartment, transition);
}

void PrometheusObserver::OnClientEvent(const ObservedClient& client, const ClientEvent& event) {
  metrics_->CountEvent(client, event);
}

}  // namespace userclient
