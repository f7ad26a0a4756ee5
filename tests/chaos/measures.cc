#include "tests/chaos/measures.h"

#include <algorithm>
#include <iterator>

namespace userclient::chaos {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

/// Connections are made in the first moments, and they are nobody's healthy latency.
constexpr nanoseconds kConnected = 500ms;

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
    if (FiguresOf(DueBetween(calls, healed + after, healed + after + 1s)).failed == 0) return after;
  }
  return std::nullopt;
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

void AddCalls(const Scenario& scenario, const Callers& callers, const std::vector<CallRecord>& calls, Measures& measures) {
  measures.calls += std::ssize(calls);
  for (const CallRecord& call : calls) {
    measures.overrun = std::max(measures.overrun, call.ended - call.began - callers.deadline);
  }
  if (callers.disturbing) return;
  measures.all = FiguresOf(calls);
  measures.healthy = FiguresOf(DueBetween(calls, kConnected, scenario.fault_at));
  measures.since_fault = FiguresOf(DueBetween(calls, scenario.fault_at, nanoseconds::max()));
  measures.later = FiguresOf(DueBetween(calls, scenario.fault_at + 1s, nanoseconds::max()));
  for (const CallRecord& call : calls) {
    if (call.code != absl::StatusCode::kOk) ++measures.errors[call.code];
  }
  if (scenario.healed_at > 0ms) measures.recovered = Recovered(calls, scenario.healed_at, scenario.lasting);
  for (nanoseconds second{}; second < scenario.lasting; second += 1s) {
    measures.seconds.push_back(FiguresOf(DueBetween(calls, second, second + 1s)));
  }
}

}  // namespace userclient::chaos
