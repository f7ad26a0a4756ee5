#include "tests/benchmark/waves.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/benchmark/process_usage.h"
#include "tests/benchmark/server_control.h"
#include "tests/benchmark/subject.h"

namespace userclient::benchmark {
namespace {

using Clock = std::chrono::steady_clock;
using SubjectOr = absl::StatusOr<std::unique_ptr<Subject>>;

SubjectOr MakeSubjectOfWaves(const WavesPlan& plan, const std::string& name, int wave) {
  return MakeSubject(name, {.target = plan.target, .user_id = WaveOf(wave), .patient = true});
}

/// A wave as large as this is not made twice: it takes long, and beside its calls what connecting costs does not count.
constexpr int kLargeWave = 50'000;

/// What is left of calls that have ended goes some time after their answers.
int64_t SettledHeap() {
  constexpr std::chrono::milliseconds kPause(50);
  constexpr int kMostPauses = 100;
  int64_t heap = HeapInUse();
  for (int i = 0; i < kMostPauses; ++i) {
    std::this_thread::sleep_for(kPause);
    const int64_t before = std::exchange(heap, HeapInUse());
    if (heap >= before) break;
  }
  return heap;
}

/// Of `in_flight` calls that wait for one more.
absl::StatusOr<double> HeapPerCall(const WavesPlan& plan, const std::string& name) {
  const int in_flight = plan.in_flight;
  const SubjectOr subject = MakeSubjectOfWaves(plan, name, in_flight + 1);
  if (!subject.ok()) return subject.status();
  ServerControl control(plan.target);
  double heap_per_call = 0;
  // The first wave leaves behind what connections and pools keep.
  const int waves = in_flight < kLargeWave ? 2 : 1;
  for (int wave = 0; wave < waves; ++wave) {
    const int64_t before = SettledHeap();
    absl::Status called;
    std::thread caller([&] { called = (*subject)->Call(in_flight, in_flight); });
    const absl::Status waiting = control.AwaitWaiting(in_flight, std::chrono::minutes(2));
    heap_per_call = static_cast<double>(HeapInUse() - before) / in_flight;
    // The one that is missing; without all of the others this one must not wait for them.
    const absl::Status released = waiting.ok() ? control.Call(WaveOf(in_flight + 1)) : waiting;
    caller.join();
    called.Update(released);
    if (!called.ok()) return called;
  }
  return heap_per_call;
}

absl::Status MeasureRound(Subject& subject, const WavesPlan& plan, Waves& waves) {
  const int64_t calls = WholeWaves(plan.calls, plan.in_flight);
  const CpuTime cpu_before = CpuTimeUsed();
  const Clock::time_point begin = Clock::now();
  if (absl::Status called = subject.Call(calls, plan.in_flight); !called.ok()) return called;
  const CpuTime cpu = CpuTimeUsed() - cpu_before;
  waves.calls_per_second.push_back(static_cast<double>(calls) / std::chrono::duration<double>(Clock::now() - begin).count());
  waves.cpu_us_per_call.push_back((cpu.user_us + cpu.system_us) / static_cast<double>(calls));
  return absl::OkStatus();
}

}  // namespace

absl::Status WarmUpByWaves(Subject& subject, int in_flight) {
  return in_flight < kLargeWave ? subject.Call(in_flight, in_flight) : absl::OkStatus();
}

std::string WaveOf(int calls) { return absl::StrCat("wave-", calls); }

int64_t WholeWaves(int64_t calls, int in_flight) { return std::max<int64_t>(1, (calls + in_flight - 1) / in_flight) * in_flight; }

absl::StatusOr<std::vector<Waves>> MeasureWaves(const WavesPlan& plan) {
  std::vector<Waves> results;
  std::vector<std::unique_ptr<Subject>> subjects;
  for (const std::string& name : plan.subjects) {
    const absl::StatusOr<double> heap_per_call = HeapPerCall(plan, name);
    if (!heap_per_call.ok()) return heap_per_call.status();
    results.push_back({.subject = name, .heap_per_call = *heap_per_call});
    SubjectOr subject = MakeSubjectOfWaves(plan, name, plan.in_flight);
    if (!subject.ok()) return subject.status();
    if (absl::Status warm = WarmUpByWaves(**subject, plan.in_flight); !warm.ok()) return warm;
    subjects.push_back(*std::move(subject));
  }
  for (int round = 0; round < plan.rounds; ++round) {
    for (size_t i = 0; i < subjects.size(); ++i) {
      const size_t turn = round % 2 == 0 ? i : subjects.size() - 1 - i;
      if (absl::Status measured = MeasureRound(*subjects[turn], plan, results[turn]); !measured.ok()) return measured;
    }
  }
  return results;
}

}  // namespace userclient::benchmark
