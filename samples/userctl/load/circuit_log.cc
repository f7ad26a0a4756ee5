#include "circuit_log.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "userctl/duration.h"

namespace userctl {

using userclient::CircuitCause;
using userclient::CircuitTransition;

CircuitLog::CircuitLog(const std::vector<std::string>& compartments) {
  for (const std::string& compartment : compartments) latest_.try_emplace(compartment);
}

void CircuitLog::Note(std::string_view compartment, const CircuitTransition& transition) {
  Entry entry = {.at = std::chrono::steady_clock::now(), .compartment = std::string(compartment), .transition = transition};
  const std::lock_guard lock(mutex_);
  Latest& latest = latest_[entry.compartment];
  if (transition.sequence >= latest.sequence) latest = {.sequence = transition.sequence, .state = transition.to};
  entries_.push_back(std::move(entry));
}

std::vector<CircuitLog::Entry> CircuitLog::entries() const {
  const std::lock_guard lock(mutex_);
  return entries_;
}

CircuitLog::States CircuitLog::states() const {
  const std::lock_guard lock(mutex_);
  States states;
  for (const auto& [compartment, latest] : latest_) states.emplace(compartment, latest.state);
  return states;
}

std::string TransitionText(const CircuitTransition& transition) {
  std::string text = absl::StrCat(std::string(userclient::CircuitStateName(transition.from)), " -> ",
                                  std::string(userclient::CircuitStateName(transition.to)), ": ",
                                  std::string(userclient::CircuitCauseName(transition.cause)));
  if (transition.calls > 0) {
    const bool by_slowness = transition.cause == CircuitCause::kSlowCallRatio;
    absl::StrAppend(&text, " (", by_slowness ? transition.slow_calls : transition.failures, " of ", transition.calls, " calls ",
                    by_slowness ? "were slow" : "failed", ")");
  }
  if (transition.open_for > std::chrono::nanoseconds::zero()) {
    const auto rounded = std::chrono::round<std::chrono::milliseconds>(transition.open_for);
    absl::StrAppend(&text, ", tries again in ", DurationText(rounded));
  }
  return text;
}

}  // namespace userctl
