#pragma once

#include "policy/retry_plan.h"
#include "policy/retry_throttle.h"
#include "policy/time.h"

namespace userclient::internal {

/// How a stream without side effects goes on where it broke off. Its caller knows how far it had come, so another attempt doubles
/// nothing, and what gRFC A6 says of retries after the first message does not apply.
struct ResumeRules {
  /// It lives until it is cancelled: the end of an attempt, even a good one, never is the end of the stream, unless the server
  /// says that the stream itself is impossible.
  bool endless = false;
  /// So many attempts in a row may fail without having brought a message. Endless: only those that fail for reasons that may
  /// well stay (INTERNAL, UNKNOWN, DATA_LOSS).
  int max_failures = 6;
  /// Between two attempts, as in a RetryPolicy; begins anew with every message. What the server asks for takes its place, in an
  /// endless stream only if that is not less than the initial backoff.
  Duration initial_backoff = std::chrono::milliseconds(100);
  Duration max_backoff = std::chrono::seconds(5);
};

/// The attempts of one such stream. A state machine: it neither waits nor sends. *Not thread-safe*; one per stream.
class ResumePlan {
 public:
  /// `throttle` may be null. It must outlive the plan.
  ResumePlan(const ResumeRules& rules, RetryThrottle* throttle) : rules_(rules), throttle_(throttle) {}

  /// Notes the end of an attempt and says what comes next. `progressed`: it had brought a message. `random` is uniform in [0, 1)
  /// and decides the jitter.
  NextStep Next(const AttemptEnd& attempt, bool progressed, TimePoint now, TimePoint deadline, double random);

 private:
  Duration Backoff(double random) const;

  const ResumeRules rules_;
  RetryThrottle* const throttle_;
  /// In a row, without a message.
  int failures_ = 0;
};

}  // namespace userclient::internal
