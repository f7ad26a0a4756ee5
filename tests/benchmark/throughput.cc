#include "tests/benchmark/throughput.h"

#include <algorithm>
#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/benchmark/process_usage.h"
#include "tests/benchmark/subject.h"
#include "tests/benchmark/warm_up.h"

namespace userclient::benchmark {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kLongestSlice(10);

absl::Status MeasureSlice(Subject& subject, std::chrono::milliseconds length, Throughput& throughput) {
  const std::unique_ptr<ClosedLoop> loop = subject.Start(throughput.callers);
  const int64_t calls_before = loop->calls();
  const CpuTime cpu_before = CpuTimeUsed();
  const Clock::time_point begin = Clock::now();
  double calls = 0;
  // A busy machine may let nobody run for a whole slice.
  do {
    std::this_thread::sleep_for(length);
    calls = static_cast<double>(loop->calls() - calls_before);
  } while (calls == 0 && Clock::now() - begin < kLongestSlice);
  const CpuTime cpu = CpuTimeUsed() - cpu_before;
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  if (absl::Status status = loop->Stop(); !status.ok()) return status;
  if (calls == 0) return absl::DeadlineExceededError(absl::StrCat("no call was answered within ", kLongestSlice.count(), " s"));
  throughput.calls_per_second.push_back(calls / seconds);
  throughput.user_us_per_call.push_back(cpu.user_us / calls);
  throughput.system_us_per_call.push_back(cpu.system_us / calls);
  return absl::OkStatus();
}

/// Who comes when in a round: every other round backwards, and each pair of rounds begins with another subject.
std::vector<size_t> Order(size_t subjects, int round) {
  std::vector<size_t> order(subjects);
  for (size_t i = 0; i < subjects; ++i) order[i] = (i + static_cast<size_t>(round) / 2) % subjects;
  if (round % 2 == 1) std::reverse(order.begin(), order.end());
  return order;
}

using Subjects = std::vector<std::unique_ptr<Subject>>;

absl::StatusOr<Subjects> MakeSubjects(const ThroughputPlan& plan, std::vector<SubjectCost>& costs) {
  Subjects subjects;
  for (const std::string& name : plan.subjects) {
    const int64_t heap = HeapInUse();
    const Clock::time_point begin = Clock::now();
    absl::StatusOr<std::unique_ptr<Subject>> subject =
        MakeSubject(name, {.target = plan.target, .patient = plan.connections > 0});
    if (!subject.ok()) return subject.status();
    if (absl::Status warm = WarmUp(**subject, plan.target, plan.connections); !warm.ok()) return warm;
    costs.push_back({.subject = name,
                     .connect_ms = std::chrono::duration<double, std::milli>(Clock::now() - begin).count(),
                     .heap = HeapInUse() - heap});
    subjects.push_back(*std::move(subject));
  }
  return subjects;
}

}  // namespace

absl::StatusOr<ThroughputResult> MeasureThroughput(const ThroughputPlan& plan) {
  ThroughputResult result;
  absl::StatusOr<Subjects> subjects = MakeSubjects(plan, result.subjects);
  if (!subjects.ok()) return subjects.status();
  for (const int callers : plan.callers) {
    std::vector<Throughput> loads;
    for (const std::string& name : plan.subjects) loads.push_back({.subject = name, .callers = callers});
    for (int round = 0; round < plan.rounds; ++round) {
      for (const size_t i : Order(loads.size(), round)) {
        if (absl::Status measured = MeasureSlice(*(*subjects)[i], plan.slice, loads[i]); !measured.ok()) return measured;
      }
    }
    std::move(loads.begin(), loads.end(), std::back_inserter(result.loads));
  }
  return result;
}

}  // namespace userclient::benchmark
