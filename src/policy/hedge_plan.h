#pragma once

#include <optional>

#include "policy/retry_plan.h"
#include "policy/retry_throttle.h"
#include "policy/time.h"
#include "userclient/call_report.h"
#include "userclient/service_config.h"

namespace userclient::internal {

/// What to do next.
struct HedgeStep {
  /// Start so many attempts now. Attempts are numbered from 0 in the order in which they are asked for here.
  int send = 0;
  /// The one timer of the plan: call Timer at this time. It replaces the one of the step before; absent means none.
  std::optional<TimePoint> timer{};
  /// The call ends with what this attempt returned. All others are cancelled, and whatever still comes of them is of no interest.
  std::optional<int> winner{};
  /// If there is a winner: why the call ends here.
  CallEnd end = CallEnd::kSucceeded;
};

/// The hedging of one call, by gRFC A6. A state machine: it neither waits nor sends. *Not thread-safe*; one per call, and all its
/// events come one after the other.
///
///   Start ─► send 0 ──┬─ hedging delay ──► send 1 ──┬─ hedging delay ──► send 2 ...
///                     └─ a non-fatal status ─► at once; with pushback: then
///
///   the first OK or fatal status ─► the call ends with it, the others are cancelled
///   every attempt has failed, and no other will be sent ─► the call ends with the last of them
///
/// What keeps an attempt from being sent (throttle, pushback, a local refusal) never ends a call that has others under way.
class HedgePlan {
 public:
  /// The policy says how many attempts, and a non-fatal status is what an attempt's judgement calls retryable; so attempts are
  /// judged by nonFatalStatusCodes. `delay` is the policy's, or one taken from the latencies of late, or absent: then only a
  /// failure sends the next attempt. The throttle may be null. Policy and throttle must outlive the plan.
  HedgePlan(const HedgingPolicy& policy, std::optional<Duration> delay, RetryThrottle* throttle, TimePoint deadline)
      : policy_(policy), delay_(delay), throttle_(throttle), deadline_(deadline) {}

  /// The call begins.
  HedgeStep Start(TimePoint now);

  /// The time of the last step's timer has come. Also harmless when it has not, or when there is no timer any more.
  HedgeStep Timer(TimePoint now);

  /// An attempt has ended.
  HedgeStep Ended(int attempt, const AttemptEnd& end, TimePoint now);

  /// An attempt was refused here before anything was sent (its breaker is open, its compartment too full for hedging). It does
  /// not count as an attempt; the next one is due after a hedging delay as if it had been sent. If it was the only one, the call
  /// ends with the refusal; if others have failed before, with the last of them, because of `why`.
  HedgeStep Refused(int attempt, TimePoint now, CallEnd why);

  /// Attempts that were sent, ended or not.
  int attempts() const { return sent_; }

 private:
  HedgeStep Continue(TimePoint now);
  HedgeStep Finish(int winner, CallEnd end);
  bool MaySend();
  CallEnd WhyNoMore() const;

  const HedgingPolicy& policy_;
  const std::optional<Duration> delay_;
  RetryThrottle* const throttle_;
  const TimePoint deadline_;

  /// Attempts asked for: the sent ones and the refused ones.
  int asked_ = 0;
  int sent_ = 0;
  int under_way_ = 0;
  /// When the next attempt is due. Absent: not before one fails.
  std::optional<TimePoint> next_{};
  /// Set when no further attempt will be sent although there are some left.
  std::optional<CallEnd> stopped_{};
  /// What the call ends with if nothing better comes.
  std::optional<int> last_failure_{};
  bool finished_ = false;
};

/// How long to wait before the next attempt when the delay follows the latencies of late: not less than 1 ms, not more than
/// `longest`; nullopt, and so no hedge, while there is no percentile yet.
std::optional<Duration> HedgingDelay(std::optional<Duration> percentile, Duration longest);

}  // namespace userclient::internal
