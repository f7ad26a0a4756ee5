#pragma once

#include <opentelemetry/metrics/meter.h>
#include <opentelemetry/metrics/sync_instruments.h>
#include <opentelemetry/nostd/unique_ptr.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "userclient/observer.h"

namespace userclient::internal {

/// The metrics of calls and attempts. *Thread-safe*, the counts of a call aside.
class CallMetrics {
 public:
  /// Of one call, while it goes on.
  struct Counts {
    /// `grpc.target`.
    std::shared_ptr<const std::string> target{};
    int attempts = 0;
    int64_t retries = 0;
    int64_t hedges = 0;
    std::chrono::nanoseconds delay{};
  };

  using Counter = opentelemetry::metrics::Counter<uint64_t>;

  /// `grpc_metrics`: as in OpenTelemetryOptions. `rejections`: what counts them, of which a meter must have but one.
  CallMetrics(opentelemetry::metrics::Meter& meter, bool grpc_metrics, std::shared_ptr<Counter> rejections);

  void CountAttempt(const ObservedCall& call, const ObservedAttempt& attempt, Counts& counts) const;
  void RecordAttempt(const ObservedCall& call, const AttemptReport& report, const Counts& counts) const;
  void RecordCall(const ObservedCall& call, const CallReport& report, const Counts& counts) const;

 private:
  template <class Instrument>
  using Ptr = opentelemetry::nostd::unique_ptr<Instrument>;
  using Durations = opentelemetry::metrics::Histogram<double>;
  using Numbers = opentelemetry::metrics::Histogram<uint64_t>;

  /// The names of gRFC A66 and A96.
  struct GrpcMetrics {
    Ptr<Durations> call_duration;
    Ptr<Counter> attempt_started;
    Ptr<Durations> attempt_duration;
    Ptr<Numbers> call_retries;
    Ptr<Numbers> call_hedges;
    Ptr<Durations> call_retry_delay;
  };

  std::optional<GrpcMetrics> grpc_;
  Ptr<Counter> attempts_;
  std::shared_ptr<Counter> rejections_;
  Ptr<Counter> stand_ins_;
};

}  // namespace userclient::internal
