#include "tests/chaos/verdict.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace userclient::chaos {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr nanoseconds kOverrun = 50ms;
/// Three times a healthy p99 below 10 ms is less than what two or three time slices of a machine do whose two cores the client
/// shares with all its servers.
constexpr nanoseconds kP99Floor = 30ms;
/// Attempts that a few calls more make no storm.
constexpr double kAttemptsFloor = 100;
/// Of the calls of a short run that one unlucky call more must not fail.
constexpr double kShortSlack = 0.01;

double Milliseconds(nanoseconds time) { return std::chrono::duration<double, std::milli>(time).count(); }

void JudgeLosses(const Measures& measures, std::vector<std::string>& missed) {
  const Losses& losses = measures.losses;
  if (losses.lost != 0) missed.push_back(absl::StrFormat("lost: %d of %d", losses.lost, losses.expected));
  if (losses.doubled != 0)
    missed.push_back(absl::StrFormat("doubled or out of order: %d of %d", losses.doubled, losses.expected));
  if (!losses.broken_off.empty()) missed.push_back(absl::StrCat("the stream broke off: ", losses.broken_off));
}

void JudgeTimes(const Scenario& scenario, const Measures& measures, std::vector<std::string>& missed) {
  if (measures.overrun > kOverrun + measures.stall) {
    missed.push_back(
        absl::StrFormat("a call ended %.0f ms after its deadline, though the machine stood still for %.0f ms at most",
                        Milliseconds(measures.overrun), Milliseconds(measures.stall)));
  }
  const nanoseconds p99 = measures.later.p99;
  if (const std::optional<double> bar = scenario.bars.p99;
      bar && Milliseconds(p99) > std::max(*bar * Milliseconds(measures.healthy.p99), Milliseconds(kP99Floor))) {
    missed.push_back(absl::StrFormat("p99 from the first second after the fault on: %.1f ms, healthy %.1f ms", Milliseconds(p99),
                                     Milliseconds(measures.healthy.p99)));
  }
  if (scenario.healed_at == 0ms) return;
  const std::chrono::duration<double> outage = scenario.healed_at - scenario.fault_at;
  if (!measures.recovered) {
    missed.push_back("there was no second of full success after the healing");
  } else if (*measures.recovered > outage * scenario.bars.recovery) {
    missed.push_back(
        absl::StrFormat("full success came %d s after an outage of %.0f s", measures.recovered->count(), outage.count()));
  }
}

}  // namespace

std::vector<std::string> MissedBars(const Scenario& scenario, const Measures& measures, Strictness strictness) {
  std::vector<std::string> missed;
  const bool full = strictness == Strictness::kFull;
  if (measures.later.success() < scenario.bars.success - (full ? 0 : kShortSlack)) {
    missed.push_back(absl::StrFormat("from the first second after the fault on %.3f %% of the calls succeeded: %d of %d failed",
                                     100 * measures.later.success(), measures.later.failed, measures.later.calls));
  }
  if (const std::optional<double> bar = scenario.bars.attempts;
      bar && static_cast<double>(measures.attempts) > *bar * static_cast<double>(measures.calls) + kAttemptsFloor) {
    missed.push_back(absl::StrFormat("%d attempts for %d calls", measures.attempts, measures.calls));
  }
  JudgeLosses(measures, missed);
  if (full) JudgeTimes(scenario, measures, missed);
  return missed;
}

}  // namespace userclient::chaos
