#pragma once

#include <optional>
#include <variant>

#include "call/method_plan.h"
#include "policy/hedge_plan.h"
#include "policy/retry_plan.h"
#include "policy/time.h"

namespace userclient::internal {

/// The retries or the hedges of one call, told in the same steps (HedgeStep), so that one driver executes both. *Not
/// thread-safe.*
class AttemptPlan {
 public:
  AttemptPlan(const MethodPlan& plan, TimePoint now, TimePoint deadline);

  HedgeStep Start(TimePoint now);
  /// The time of the last step's timer has come.
  HedgeStep Timer(TimePoint now);
  HedgeStep Ended(int attempt, const AttemptEnd& end, TimePoint now, double random);
  /// An attempt was refused here before anything was sent.
  HedgeStep Refused(int attempt, TimePoint now, CallEnd why);

  /// Why the attempt that is sent next is made.
  AttemptReason next_reason() const { return next_reason_; }

 private:
  struct Retries {
    RetryPlan plan;
    /// An attempt waits for its time.
    bool waiting = false;
  };

  HedgeStep Send(Retries& retries);

  const TimePoint deadline_;
  AttemptReason next_reason_ = AttemptReason::kFirst;
  std::variant<Retries, HedgePlan> plan_;
};

}  // namespace userclient::internal
