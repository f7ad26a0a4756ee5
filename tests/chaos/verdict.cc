#include "tests/chaos/verdict.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace userclient::chaos {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr double kSuccessAfterHealing = 0.999;
constexpr nanoseconds kLate = 50ms;
/// Of a short run: less than what a client takes that forgets the deadline of its caller.
constexpr nanoseconds kVeryLate = 500ms;
/// Three times a healthy p99 below 10 ms is less than what two or three time slices of a machine do whose two cores the client
/// shares with all its servers.
constexpr nanoseconds kP99Floor = 30ms;
/// A healthy p99 above that is the machine's, and three times it no bar.
constexpr nanoseconds kHealthyP99 = 20ms;
/// Attempts that a few calls more make no storm.
constexpr int64_t kAttemptsFloor = 100;
/// Of the calls of a short run that one unlucky call more must not fail.
constexpr double kShortSlack = 0.01;
/// Callers with less time than that fail by the machine as well.
constexpr std::chrono::milliseconds kPatient = 1s;
/// Of what a script asks for, so much must have been tried out.
constexpr double kTriedOut = 0.6;
constexpr double kTriedOutInShort = 0.25;
/// A script whose steps come later than that is another one.
constexpr nanoseconds kStepLate = 1s;

double Milliseconds(nanoseconds time) { return std::chrono::duration<double, std::milli>(time).count(); }
double Seconds(nanoseconds time) { return std::chrono::duration<double>(time).count(); }

class Judge {
 public:
  Judge(const Scenario& scenario, const Measures& measures, Strictness strictness)
      : scenario_(scenario), measures_(measures), full_(strictness == Strictness::kFull) {}

  std::vector<std::string> Missed() {
    JudgeSuccess();
    JudgeStorm();
    JudgeShares();
    if (HasLosses(scenario_)) JudgeLosses();
    JudgeDeadlines();
    if (full_) {
      JudgeScript();
      JudgeP99();
      JudgeRecovery();
    }
    return std::move(missed_);
  }

 private:
  template <class... Arguments>
  void Miss(const absl::FormatSpec<Arguments...>& format, const Arguments&... arguments) {
    missed_.push_back(absl::StrFormat(format, arguments...));
  }

  void JudgeSuccess() {
    if (scenario_.bars.success)
      JudgeSuccess("from the first second after the fault on", measures_.during, *scenario_.bars.success);
    if (measures_.timeline.healed) JudgeSuccess("after the healing", measures_.after, kSuccessAfterHealing);
  }

  void JudgeSuccess(std::string_view when, const Figures& figures, double bar) {
    const std::string time(when);
    if (figures.calls == 0) return Miss("%s there were no calls to judge", time);
    const bool patient = std::all_of(scenario_.callers.begin(), scenario_.callers.end(),
                                     [](const Callers& callers) { return callers.disturbing || callers.deadline >= kPatient; });
    if (!full_ && !patient) return;
    if (figures.success() < bar - (full_ ? 0 : kShortSlack)) {
      Miss("%s %.3f %% of the calls succeeded: %d of %d failed", time, 100 * figures.success(), figures.failed, figures.calls);
    }
  }

  void JudgeStorm() {
    if (!scenario_.bars.attempts) return;
    if (!measures_.storm || measures_.storm->calls == 0) return Miss("attempts were not counted");
    const Attempts& storm = *measures_.storm;
    if (static_cast<double>(storm.attempts - kAttemptsFloor) > *scenario_.bars.attempts * static_cast<double>(storm.calls)) {
      Miss("%d attempts for %d calls", storm.attempts, storm.calls);
    }
  }

  void JudgeShares() {
    for (size_t i = 0; i < scenario_.shares.size(); ++i) {
      const Share& share = scenario_.shares[i];
      const std::optional<double> measured = i < measures_.shares.size() ? measures_.shares[i] : std::nullopt;
      if (!measured) {
        Miss("there were no attempts of which %s could have a share", share.of);
      } else if (*measured < share.at_least || *measured > share.at_most) {
        Miss("%s: %.1f %% of the attempts from %g s to %g s", share.of, 100 * *measured, Seconds(share.from), Seconds(share.to));
      }
    }
  }

  void JudgeLosses() {
    const Losses& losses = measures_.losses;
    const double tried_out = full_ ? kTriedOut : kTriedOutInShort;
    if (losses.expected == 0 || static_cast<double>(losses.expected) < tried_out * static_cast<double>(losses.asked)) {
      Miss("too little was tried out to lose any of it: %d of %d", losses.expected, losses.asked);
    }
    if (losses.lost != 0) Miss("lost: %d of %d", losses.lost, losses.expected);
    if (losses.doubled != 0) Miss("doubled or out of order: %d of %d", losses.doubled, losses.expected);
    if (!losses.broken_off.empty()) Miss("the stream broke off: %s", losses.broken_off);
  }

  void JudgeDeadlines() {
    if (measures_.late <= (full_ ? kLate : kVeryLate)) return;
    Miss("a call ended %.0f ms after its deadline, for which the machine did not stand still", Milliseconds(measures_.late));
  }

  void JudgeScript() {
    if (measures_.timeline.late <= kStepLate) return;
    Miss("this was another script: a step came %.1f s late; is the machine busy?", Seconds(measures_.timeline.late));
  }

  void JudgeP99() {
    if (!scenario_.bars.p99) return;
    const nanoseconds healthy = measures_.healthy.p99;
    if (measures_.healthy.calls == 0) return Miss("there were no healthy calls to compare with");
    if (healthy > kHealthyP99) return Miss("the machine was too busy to judge p99: healthy %.1f ms", Milliseconds(healthy));
    const double bar = std::max(*scenario_.bars.p99 * Milliseconds(healthy), Milliseconds(kP99Floor));
    for (const auto& [when, figures] : {std::pair{"from the first second after the fault on", measures_.during},
                                        std::pair{"after the healing", measures_.after}}) {
      if (Milliseconds(figures.p99) <= bar) continue;
      Miss("p99 %s: %.1f ms, healthy %.1f ms", when, Milliseconds(figures.p99), Milliseconds(healthy));
    }
  }

  void JudgeRecovery() {
    if (!measures_.timeline.healed) return;
    const std::chrono::duration<double> outage = measures_.timeline.outage();
    if (!measures_.recovered) {
      Miss("there was no second of full success after the healing");
    } else if (*measures_.recovered > outage * scenario_.bars.recovery) {
      Miss("full success came %d s after an outage of %.0f s", measures_.recovered->count(), outage.count());
    }
  }

  const Scenario& scenario_;
  const Measures& measures_;
  const bool full_;
  std::vector<std::string> missed_;
};

}  // namespace

std::vector<std::string> MissedBars(const Scenario& scenario, const Measures& measures, Strictness strictness) {
  return Judge(scenario, measures, strictness).Missed();
}

}  // namespace userclient::chaos
