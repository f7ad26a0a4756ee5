#pragma once

#include "policy/pushback.h"
#include "policy/retry_throttle.h"
#include "policy/time.h"
#include "policy/verdict.h"
#include "userclient/call_report.h"
#include "userclient/service_config.h"

namespace userclient::internal {

/// How an attempt ended, as far as retrying is concerned.
struct AttemptEnd {
  absl::StatusCode code = absl::StatusCode::kOk;
  Judgement judgement{};
  Ending ending = Ending::kPeer;
  Pushback pushback{};
  /// The server had sent response headers; the call may not be made again (gRFC A6, "When retries are valid").
  bool committed = false;
};

/// What to do next.
struct NextStep {
  bool retry = false;
  /// If retry: wait this long, then make an attempt for this reason.
  Duration delay{};
  AttemptReason reason = AttemptReason::kRetry;
  /// If not: why the call ends here.
  CallEnd end = CallEnd::kSucceeded;
};

/// The retries of one call, by gRFC A6. A state machine: it neither waits nor sends. *Not thread-safe*; one per call.
///
///   attempt ──ended──► Next ──retry──► wait delay ──► attempt ...
///                        └────end────► the last status goes to the caller
class RetryPlan {
 public:
  /// Either may be null: a method that is not retried, a client without throttling. Both must outlive the plan.
  RetryPlan(const RetryPolicy* policy, RetryThrottle* throttle) : policy_(policy), throttle_(throttle) {}

  /// Notes the end of an attempt and says what comes next. `random` is uniform in [0, 1) and decides the jitter.
  NextStep Next(const AttemptEnd& attempt, TimePoint now, TimePoint deadline, double random);

  /// Attempts that have ended so far.
  int attempts() const { return attempts_; }

 private:
  Duration Backoff(double random) const;

  const RetryPolicy* policy_;
  RetryThrottle* throttle_;
  int attempts_ = 0;
  /// Retries since the backoff last began at initialBackoff; a pushback begins it anew.
  int backoff_step_ = 0;
};

}  // namespace userclient::internal
