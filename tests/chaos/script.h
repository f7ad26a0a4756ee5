#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "tests/chaos/call_record.h"
#include "tests/chaos/fleet.h"
#include "tests/chaos/scenario.h"
#include "tests/chaos/timeline.h"

namespace userclient::chaos {

/// What happened, and what was counted meanwhile.
struct Played {
  Timeline timeline{};
  /// Of the attempts, in the order of the scenario's shares; absent if there were none at all.
  std::vector<std::optional<double>> shares{};
  /// Of all pods from the fault until as long after the healing as it had lasted, if there is a bar on it.
  std::optional<int64_t> storm{};
};

/// Plays the steps of a scenario, one after the other, and looks at the counters of the pods when it is time to.
class Script {
 public:
  /// All must outlive it.
  Script(const Scenario& scenario, Fleet& fleet, Clock::time_point start);

  /// Blocks until the last step and the last look. `start_companion` is called at its time.
  Played Play(const std::function<void()>& start_companion);

 private:
  using Nanoseconds = std::chrono::nanoseconds;

  void Plan(Nanoseconds at, std::function<void()> act) { plan_.emplace(at, std::move(act)); }
  void PlanShare(size_t index);
  void PlanStep(size_t index);
  void Heal();
  Nanoseconds Now() const { return Clock::now() - start_; }

  const Scenario& scenario_;
  Fleet& fleet_;
  const Clock::time_point start_;
  std::multimap<Nanoseconds, std::function<void()>> plan_;
  Played played_;
};

}  // namespace userclient::chaos
