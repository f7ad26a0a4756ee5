#include "load_live.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "latency_chart.h"
#include "userctl/printable.h"

namespace userctl {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kLineEvery(2);
constexpr std::chrono::milliseconds kRewrittenEvery(250);

double Seconds(std::chrono::nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

LoadLive::LoadLive(StatusLine::Style style, const LoadPlan& plan, size_t transitions_told)
    : plan_(plan),
      began_(steady_clock::now()),
      every_(style == StatusLine::Style::kRewritten ? std::chrono::nanoseconds(kRewrittenEvery) : kLineEvery),
      line_(style, every_),
      measured_at_(began_),
      transitions_told_(transitions_told) {}

void LoadLive::Update(const LoadTally& tally, const CircuitLog& circuits) {
  TellTransitions(circuits);
  if (tally.waited_for_room > 0 && !std::exchange(bound_told_, true)) {
    line_.Tell(absl::StrCat("userctl: load: ", plan_.max_in_flight,
                            " calls are under way, the most that --max-in-flight allows: from now on calls begin late, and their "
                            "latency counts from when they were due"));
  }
  const steady_clock::time_point now = steady_clock::now();
  if (now - measured_at_ >= every_) {
    text_ = Text(tally, circuits.states(), now);
    measured_at_ = now;
    measured_ = tally;
  }
  if (!text_.empty() && line_.due()) line_.Show(text_);
}

void LoadLive::End(const CircuitLog& circuits) {
  TellTransitions(circuits);
  line_.Hide();
}

void LoadLive::TellTransitions(const CircuitLog& circuits) {
  const std::vector<CircuitLog::Entry> entries = circuits.entries();
  for (; transitions_told_ < entries.size(); ++transitions_told_) {
    const CircuitLog::Entry& entry = entries[transitions_told_];
    line_.Tell(absl::StrFormat("userctl: load: %.1f s: breaker of %s: %s", Seconds(entry.at - began_),
                               Printable(entry.compartment), TransitionText(entry.transition)));
  }
}

std::string LoadLive::Text(const LoadTally& tally, const CircuitLog::States& circuits, steady_clock::time_point now) const {
  const double seconds = Seconds(now - measured_at_);
  const int64_t calls = tally.calls - measured_.calls;
  const int64_t failed = tally.failed - measured_.failed;
  const LatencyHistogram latency = tally.ok_latency.Since(measured_.ok_latency);
  std::string text = absl::StrFormat("load %d s: ", std::llround(Seconds(now - began_)));
  // First of all, because a narrow terminal cuts the end off.
  for (const auto& [compartment, state] : circuits) {
    absl::StrAppend(&text, Printable(compartment), " ", std::string(userclient::CircuitStateName(state)), ", ");
  }
  absl::StrAppend(&text, std::llround(static_cast<double>(calls) / seconds), " calls/s");
  if (failed > 0) {
    absl::StrAppendFormat(&text, ", %.1f %% failed", 100 * static_cast<double>(failed) / static_cast<double>(calls));
  }
  if (latency.count() > 0) {
    absl::StrAppend(&text, ", p50 ", LatencyText(latency.Percentile(0.5)), ", p99 ", LatencyText(latency.Percentile(0.99)));
  }
  absl::StrAppend(&text, ", ", tally.in_flight(), " in flight");
  return text;
}

}  // namespace userctl
