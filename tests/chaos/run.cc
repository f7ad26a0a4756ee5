#include "tests/chaos/run.h"

#include <deque>
#include <future>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "tests/chaos/caller.h"
#include "tests/chaos/companions.h"
#include "tests/chaos/fleet.h"
#include "tests/chaos/load.h"
#include "tests/chaos/open_store.h"
#include "tests/chaos/script.h"
#include "tests/chaos/stall_meter.h"

namespace userclient::chaos {
namespace {

using namespace std::chrono_literals;

/// By how much a script may be late before its callers end first.
constexpr std::chrono::nanoseconds kLatest = 60s;

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

void Scale(std::chrono::milliseconds& time, double scale) {
  time = std::chrono::milliseconds(static_cast<int64_t>(static_cast<double>(time.count()) * scale));
}

void AddAttempts(const Played& played, const std::vector<Calls>& calls, Fleet& fleet, Measures& measures) {
  const std::vector<int64_t> attempts = fleet.CountAttempts();
  measures.attempts.attempts = std::accumulate(attempts.begin(), attempts.end(), int64_t{0});
  measures.shares = played.shares;
  if (!played.storm) return;
  const Timeline& timeline = played.timeline;
  const auto over = timeline.healed.value_or(timeline.end) + timeline.outage();
  measures.storm = {.calls = CountDue(calls, timeline.fault, over), .attempts = *played.storm};
}

}  // namespace

Scenario Scaled(Scenario scenario, double scale) {
  Scale(scenario.companion_at, scale);
  Scale(scenario.lasting, scale);
  for (Step& step : scenario.steps) Scale(step.at, scale);
  for (Share& share : scenario.shares) {
    Scale(share.from, scale);
    Scale(share.to, scale);
  }
  return scenario;
}

Measures Play(const Scenario& scenario, Way way, const std::string& service_config) {
  Fleet fleet(scenario.fleet);
  const std::unique_ptr<Caller> caller = MakeCaller(way, fleet.reach(), service_config);
  WarmUp(*caller);
  fleet.ResetCounters();

  const Clock::time_point start = Clock::now() + 10ms;
  StallMeter stall_meter(start);
  std::deque<Load> loads;
  for (const Callers& callers : scenario.callers) loads.emplace_back(*caller, callers, start, scenario.lasting + kLatest);
  std::unique_ptr<CompanionRun> companion;
  const Played played =
      Script(scenario, fleet, start).Play([&] { companion = StartCompanion(scenario.companion, *caller, fleet.store_file()); });
  for (Load& load : loads) load.EndAt(played.timeline.end);

  std::vector<Calls> calls;
  for (size_t i = 0; i < loads.size(); ++i) calls.push_back({.callers = scenario.callers[i], .records = loads[i].Finish()});
  Measures measures = MeasuresOf(scenario, played.timeline, calls, stall_meter.Finish());
  AddAttempts(played, calls, fleet, measures);
  if (companion != nullptr) measures.losses = companion->Finish();
  if (scenario.callers.front().rpc == Rpc::kCreateUser) {
    measures.losses = CompareWithStore(loads.front().creations(), *OpenStore(fleet.store_file()));
  }
  return measures;
}

}  // namespace userclient::chaos
