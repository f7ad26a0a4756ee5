#pragma once

#include <opentelemetry/metrics/sync_instruments.h>
#include <opentelemetry/nostd/unique_ptr.h>

#include <chrono>
#include <cstdint>

#include "userclient/observer.h"

namespace userclient::internal {

/// The metrics of calls and attempts. *Thread-safe*, the counts of a call aside.
class CallMetrics {
 public:
  /// Of one call, while it goes on.
  struct Counts {
    int attempts = 0;
    int64_t retries = 0;
    int64_t hedges = 0;
    std::chrono::nanoseconds delay{};
  };

  CallMetrics();

  void CountAttempt(const ObservedCall& call, const ObservedAttempt& attempt, Counts& counts) const;
  void RecordAttempt(const ObservedCall& call, const AttemptReport& report) const;
  void RecordCall(const ObservedCall& call, const CallReport& report, const Counts& counts) const;

 private:
  template <class Instrument>
  using Ptr = opentelemetry::nostd::unique_ptr<Instrument>;
  using Counter = opentelemetry::metrics::Counter<uint64_t>;
  using Durations = opentelemetry::metrics::Histogram<double>;
  using Numbers = opentelemetry::metrics::Histogram<uint64_t>;

  Ptr<Durations> call_duration_;
  Ptr<Counter> attempt_started_;
  Ptr<Durations> attempt_duration_;
  Ptr<Numbers> call_retries_;
  Ptr<Numbers> call_hedges_;
  Ptr<Durations> call_retry_delay_;
  Ptr<Counter> attempts_;
  Ptr<Counter> rejections_;
  Ptr<Counter> stand_ins_;
};

}  // namespace userclient::internal
