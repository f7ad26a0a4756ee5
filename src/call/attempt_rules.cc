#include "call/attempt_rules.h"

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
