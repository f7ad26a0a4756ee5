#include "tests/chaos/measures.h"

#include <algorithm>
#include <iterator>

namespace userclient::chaos {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

/// Connections are made in the first moments, and they are nobody's healthy latency.
constexpr nanoseconds kConnected = 500ms;
/// What a fault may do before success counts.
constexpr nanoseconds kFirstShock = 1s;

std::vector<CallRecord> DueBetween(const std::vector<CallRecord>& calls, nanoseconds from, nanoseconds to) {
  std::vector<CallRecord> chosen;
  std::copy_if(calls.begin(), calls.end(), std::back_inserter(chosen),
               [&](const CallRecord& call) { return from <= call.due && call.due < to; });
  return chosen;
}

/// Of calls in order of latency.
nanoseconds Percentile(const std::vector<CallRecord>& calls, double share) {
  return calls[static_cast<size_t>(share * static_cast<double>(calls.size() - 1))].latency();
}

std::optional<std::chrono::seconds> Recovered(const std::vector<CallRecord>& calls, nanoseconds healed, nanoseconds end) {
  for (std::chrono::seconds after(0); healed + after + 1s <= end; ++after) {
    const Figures second = FiguresOf(DueBetween(calls, healed + after, healed + after + 1s));
    if (second.calls > 0 && second.failed == 0) return after;
  }
  return std::nullopt;
}

nanoseconds JudgedAfter(const Scenario& scenario, const Timeline& timeline) {
  if (scenario.bars.success) return *timeline.healed;
  return *timeline.healed + std::chrono::duration_cast<nanoseconds>(timeline.outage() * scenario.bars.recovery);
}

void AddEnds(const Calls& calls, const std::vector<Stall>& stalls, Measures& measures) {
  for (const CallRecord& call : calls.records) {
    const nanoseconds deadline = call.began + calls.callers.deadline;
    measures.overrun = std::max(measures.overrun, call.ended - deadline);
    measures.late = std::max(measures.late, call.ended - deadline - StoodStill(stalls, deadline, call.ended));
  }
}

}  // namespace

Figures FiguresOf(std::vector<CallRecord> calls) {
  if (calls.empty()) return {};
  std::sort(calls.begin(), calls.end(), [](const CallRecord& a, const CallRecord& b) { return a.latency() < b.latency(); });
  return {.calls = std::ssize(calls),
          .failed = std::count_if(calls.begin(), calls.end(),
                                  [](const CallRecord& call) { return call.code != absl::StatusCode::kOk; }),
          .p50 = Percentile(calls, 0.5),
          .p99 = Percentile(calls, 0.99),
          .p999 = Percentile(calls, 0.999)};
}

Measures MeasuresOf(const Scenario& scenario, const Timeline& timeline, const std::vector<Calls>& calls,
                    const std::vector<Stall>& stalls) {
  Measures measures{.timeline = timeline};
  std::vector<CallRecord> judged;
  for (const Calls& some : calls) {
    measures.attempts.calls += std::ssize(some.records);
    AddEnds(some, stalls, measures);
    if (!some.callers.disturbing) judged.insert(judged.end(), some.records.begin(), some.records.end());
  }
  for (const Stall& stall : stalls) measures.stall = std::max(measures.stall, stall.to - stall.from);
  for (const CallRecord& call : judged) {
    if (call.code != absl::StatusCode::kOk) ++measures.errors[call.code];
  }
  const nanoseconds end = timeline.end;
  const nanoseconds shocked = timeline.fault + (timeline.fault > 0ns ? kFirstShock : 0ns);
  measures.all = FiguresOf(judged);
  measures.healthy = FiguresOf(DueBetween(judged, kConnected, timeline.fault));
  measures.since_fault = FiguresOf(DueBetween(judged, timeline.fault, end));
  measures.during = FiguresOf(DueBetween(judged, shocked, timeline.healed.value_or(end)));
  if (timeline.healed) {
    measures.after = FiguresOf(DueBetween(judged, JudgedAfter(scenario, timeline), end));
    measures.recovered = Recovered(judged, *timeline.healed, end);
  }
  for (nanoseconds second{}; second < end; second += 1s) {
    measures.seconds.push_back(FiguresOf(DueBetween(judged, second, second + 1s)));
  }
  return measures;
}

int64_t CountDue(const std::vector<Calls>& calls, nanoseconds from, nanoseconds to) {
  int64_t due = 0;
  for (const Calls& some : calls) due += std::ssize(DueBetween(some.records, from, to));
  return due;
}

}  // namespace userclient::chaos
