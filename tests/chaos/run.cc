#include "tests/chaos/run.h"

#include <deque>
#include <future>
#include <memory>
#include <thread>
#include <utility>

#include "tests/chaos/caller.h"
#include "tests/chaos/fleet.h"
#include "tests/chaos/stall_meter.h"

namespace userclient::chaos {
namespace {

using namespace std::chrono_literals;

/// Connections are there when the script begins: what it takes to make them is the same in every scenario.
void WarmUp(Caller& caller) {
  user::v1::GetUserRequest request;
  request.set_user_id("u-1");
  for (int call = 0; call < 20; ++call) {
    std::promise<void> ended;
    caller.GetUser(request, 5s, [&](const absl::Status&) { ended.set_value(); });
    ended.get_future().wait();
  }
}

std::chrono::milliseconds Scale(std::chrono::milliseconds time, double scale) {
  return std::chrono::milliseconds(static_cast<int64_t>(static_cast<double>(time.count()) * scale));
}

}  // namespace

Scenario Scaled(Scenario scenario, double scale) {
  for (std::chrono::milliseconds* time : {&scenario.companion_at, &scenario.fault_at, &scenario.healed_at, &scenario.lasting})
    *time = Scale(*time, scale);
  for (Step& step : scenario.steps) step.at = Scale(step.at, scale);
  return scenario;
}

Measures Play(const Scenario& scenario, Way way, const std::string& service_config) {
  Fleet fleet(scenario.fleet);
  const std::unique_ptr<Caller> caller = MakeCaller(way, fleet.reach(), service_config);
  WarmUp(*caller);
  fleet.ResetCounters();

  const StallMeter stalls;
  const Clock::time_point start = Clock::now() + 10ms;
  std::deque<Load> loads;
  for (const Callers& callers : scenario.callers) loads.emplace_back(*caller, callers, start, scenario.lasting);
  std::this_thread::sleep_until(start + scenario.companion_at);
  const std::unique_ptr<CompanionRun> companion = StartCompanion(scenario.companion, *caller, fleet);
  for (const Step& step : scenario.steps) {
    std::this_thread::sleep_until(start + step.at);
    step.act(fleet);
  }

  Measures measures;
  for (size_t i = 0; i < loads.size(); ++i) AddCalls(scenario, scenario.callers[i], loads[i].Finish(), measures);
  if (companion != nullptr) measures.losses = companion->Finish();
  measures.stall = stalls.worst();
  measures.attempts = fleet.CountAttempts();
  for (const Load& load : loads) {
    if (!load.acknowledged().empty()) measures.losses = CompareWithStore(load.acknowledged(), fleet.store_file());
  }
  return measures;
}

}  // namespace userclient::chaos
