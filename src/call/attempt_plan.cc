#include "call/attempt_plan.h"

namespace userclient::internal {
namespace {

std::optional<Duration> DelayOf(const MethodPlan& plan, TimePoint now) {
  const Duration configured = plan.hedging_policy->hedging_delay;
  if (plan.latencies == nullptr) return configured;
  return HedgingDelay(plan.latencies->Percentile(now), configured);
}

}  // namespace

AttemptPlan::AttemptPlan(const MethodPlan& plan, TimePoint now, TimePoint deadline)
    : deadline_(deadline),
      plan_(Retries{.plan = RetryPlan(plan.retry_policy ? &*plan.retry_policy : nullptr, plan.throttle.get())}) {
  if (!plan.hedging_policy) return;
  plan_.emplace<HedgePlan>(*plan.hedging_policy, DelayOf(plan, now), plan.throttle.get(), deadline);
  next_reason_ = AttemptReason::kHedge;
}

HedgeStep AttemptPlan::Start(TimePoint now) {
  if (auto* retries = std::get_if<Retries>(&plan_)) return Send(*retries);
  return std::get<HedgePlan>(plan_).Start(now);
}

HedgeStep AttemptPlan::Timer(TimePoint now) {
  if (auto* retries = std::get_if<Retries>(&plan_)) return retries->waiting ? Send(*retries) : HedgeStep{};
  return std::get<HedgePlan>(plan_).Timer(now);
}

HedgeStep AttemptPlan::Ended(int attempt, const AttemptEnd& end, TimePoint now, double random) {
  auto* retries = std::get_if<Retries>(&plan_);
  if (retries == nullptr) return std::get<HedgePlan>(plan_).Ended(attempt, end, now);
  const NextStep next = retries->plan.Next(end, now, deadline_, random);
  if (!next.retry) return {.winner = attempt, .end = next.end};
  retries->waiting = true;
  next_reason_ = next.reason;
  return {.timer = now + next.delay};
}

HedgeStep AttemptPlan::Refused(int attempt, TimePoint now, CallEnd why) {
  if (auto* hedges = std::get_if<HedgePlan>(&plan_)) return hedges->Refused(attempt, now, why);
  // The attempt before has a status of its own to return; the first one has only the refusal.
  return attempt == 0 ? HedgeStep{.winner = 0, .end = CallEnd::kRejected} : HedgeStep{.winner = attempt - 1, .end = why};
}

HedgeStep AttemptPlan::Send(Retries& retries) {
  retries.waiting = false;
  return {.send = 1};
}

}  // namespace userclient::internal
