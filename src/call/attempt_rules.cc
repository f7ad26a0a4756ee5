#include "call/attempt_rules.h"

#include <algorithm>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "call/attempt_context.h"

namespace userclient::internal {

double Random() {
  thread_local absl::InsecureBitGen generator;
  return absl::Uniform(generator, 0.0, 1.0);
}

CallDeadline DeadlineOf(const MethodPlan& plan, const CallOptions& options, TimePoint now) {
  const auto parent = options.parent != nullptr ? ParentDeadline(*options.parent, now) : std::nullopt;
  return PlanDeadline(now, plan.timeout, options.timeout, parent);
}

TimePoint AttemptDeadline(const MethodPlan& plan, const CallDeadline& deadline, TimePoint now) {
  if (!plan.retry_policy || !plan.retry_policy->per_attempt_recv_timeout) return deadline.at;
  const Duration limit = *plan.retry_policy->per_attempt_recv_timeout;
  return limit < deadline.at - now ? now + limit : deadline.at;
}

Ending EndingOf(absl::StatusCode code, const MethodPlan& plan, TimePoint began, TimePoint ended, TimePoint attempt_deadline,
                const CallDeadline& deadline, bool cancelled_by_caller) {
  if (code == absl::StatusCode::kCancelled) return cancelled_by_caller ? Ending::kCallerCancelled : Ending::kPeer;
  // A server's clock may be a tick ahead of ours when it gives up at the deadline that we sent.
  constexpr Duration kTick = std::chrono::milliseconds(1);
  if (code != absl::StatusCode::kDeadlineExceeded || ended + kTick < attempt_deadline) return Ending::kPeer;
  if (attempt_deadline < deadline.at) return Ending::kAttemptTimeout;
  if (deadline.shortened_by_caller) return Ending::kCallerDeadline;
  // What earlier attempts and waits left of the call's time may have been too little for any server.
  Duration fair = plan.timeout;
  if (plan.retry_policy && plan.retry_policy->per_attempt_recv_timeout) {
    fair = std::min(fair, *plan.retry_policy->per_attempt_recv_timeout);
  }
  return attempt_deadline - began < fair - fair / 10 ? Ending::kCallerDeadline : Ending::kCallTimeout;
}

absl::Status DeadlineTooShort() {
  return absl::DeadlineExceededError("less than 1 ms was left before the deadline; nothing was sent");
}

absl::Status BulkheadFull(const Compartment& compartment) {
  return absl::ResourceExhaustedError(
      absl::StrCat("compartment ", compartment.name(), " is full: as many calls as it may have are in flight; nothing was sent"));
}

absl::Status CircuitOpen(const Compartment& compartment, std::optional<Duration> retry_after) {
  if (!retry_after)
    return absl::UnavailableError(absl::StrCat("the circuit of compartment ", compartment.name(), " is open; nothing was sent"));
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(*retry_after).count();
  return absl::UnavailableError(absl::StrCat("the circuit of compartment ", compartment.name(), " is open for another ",
                                             milliseconds, " ms; nothing was sent"));
}

absl::Status CancelledWhileWaiting() { return absl::CancelledError("cancelled while the call waited to be sent"); }

absl::Status ShutDown() { return absl::UnavailableError("the client has been shut down; nothing was sent"); }

}  // namespace userclient::internal
