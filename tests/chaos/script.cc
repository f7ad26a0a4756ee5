#include "tests/chaos/script.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <thread>
#include <utility>

namespace userclient::chaos {
namespace {

using namespace std::chrono_literals;

int64_t Sum(const std::vector<int64_t>& attempts) { return std::accumulate(attempts.begin(), attempts.end(), int64_t{0}); }

int64_t SumOf(const std::vector<int>& pods, const std::vector<int64_t>& attempts) {
  int64_t sum = 0;
  for (const int pod : pods) sum += attempts.at(static_cast<size_t>(pod - 1));
  return sum;
}

}  // namespace

Script::Script(const Scenario& scenario, Fleet& fleet, Clock::time_point start)
    : scenario_(scenario), fleet_(fleet), start_(start) {}

Played Script::Play(const std::function<void()>& start_companion) {
  played_.shares.resize(scenario_.shares.size());
  for (size_t index = 0; index < scenario_.shares.size(); ++index) PlanShare(index);
  Plan(scenario_.companion_at, [&] {
    if (scenario_.steps.empty() && scenario_.companion_at > 0ms) played_.timeline.fault = Now();
    start_companion();
  });
  for (size_t index = 0; index < scenario_.steps.size(); ++index) PlanStep(index);
  while (!plan_.empty()) {
    // Acts may plan further ones.
    const auto next = plan_.extract(plan_.begin());
    std::this_thread::sleep_until(start_ + next.key());
    next.mapped()();
  }
  // Whatever came late, there is as much time after the healing as there was to be.
  Nanoseconds end = scenario_.lasting;
  if (played_.timeline.healed) end += std::max(0ns, *played_.timeline.healed - scenario_.steps.back().at);
  played_.timeline.end = std::max(end, Now());
  return std::move(played_);
}

void Script::PlanShare(size_t index) {
  const Share& share = scenario_.shares[index];
  const auto before = std::make_shared<std::vector<int64_t>>();
  Plan(share.from, [this, before] { *before = fleet_.CountAttempts(); });
  Plan(share.to, [this, before, index, &share] {
    const std::vector<int64_t> after = fleet_.CountAttempts();
    const int64_t all = Sum(after) - Sum(*before);
    const int64_t some = SumOf(share.pods, after) - SumOf(share.pods, *before);
    if (all > 0) played_.shares[index] = static_cast<double>(some) / static_cast<double>(all);
  });
}

void Script::PlanStep(size_t index) {
  const Step& step = scenario_.steps[index];
  Plan(step.at, [this, index, &step] {
    if (index == 0) {
      if (scenario_.bars.attempts) played_.storm = -Sum(fleet_.CountAttempts());
      played_.timeline.fault = Now();
    }
    played_.timeline.late = std::max(played_.timeline.late, Now() - step.at);
    step.act(fleet_);
    if (index + 1 == scenario_.steps.size()) Heal();
  });
}

void Script::Heal() {
  played_.timeline.healed = Now();
  if (!played_.storm) return;
  Plan(*played_.timeline.healed + played_.timeline.outage(), [this] { *played_.storm += Sum(fleet_.CountAttempts()); });
}

}  // namespace userclient::chaos
