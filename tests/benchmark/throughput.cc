#include "tests/benchmark/throughput.h"

#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <thread>

#include "tests/benchmark/subject.h"

namespace userclient::benchmark {
namespace {

using Clock = std::chrono::steady_clock;

struct Slice {
  double calls_per_second = 0;
  double cpu_us_per_call = 0;
};

double CpuMicroseconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto microseconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
  };
  return microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
}

absl::StatusOr<Slice> MeasureSlice(Subject& subject, int callers, std::chrono::milliseconds length) {
  const std::unique_ptr<ClosedLoop> loop = subject.Start(callers);
  const int64_t calls_before = loop->calls();
  const double cpu_before = CpuMicroseconds();
  const Clock::time_point begin = Clock::now();
  std::this_thread::sleep_for(length);
  const auto calls = static_cast<double>(loop->calls() - calls_before);
  const double cpu = CpuMicroseconds() - cpu_before;
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  if (absl::Status status = loop->Stop(); !status.ok()) return status;
  if (calls == 0) return absl::DeadlineExceededError("no call was answered within a slice; is the machine overloaded?");
  return Slice{.calls_per_second = calls / seconds, .cpu_us_per_call = cpu / calls};
}

/// Who comes when in a round: every other round backwards, and each pair of rounds begins with another subject.
std::vector<size_t> Order(size_t subjects, int round) {
  std::vector<size_t> order(subjects);
  for (size_t i = 0; i < subjects; ++i) order[i] = (i + static_cast<size_t>(round) / 2) % subjects;
  if (round % 2 == 1) std::reverse(order.begin(), order.end());
  return order;
}

Throughput Summarise(const std::string& subject, int callers, const std::vector<Slice>& slices,
                     const std::vector<Slice>& reference) {
  std::vector<double> rate, cpu, rate_ratio, cpu_ratio;
  for (size_t round = 0; round < slices.size(); ++round) {
    rate.push_back(slices[round].calls_per_second);
    cpu.push_back(slices[round].cpu_us_per_call);
    rate_ratio.push_back(slices[round].calls_per_second / reference[round].calls_per_second);
    cpu_ratio.push_back(slices[round].cpu_us_per_call / reference[round].cpu_us_per_call);
  }
  return {.subject = subject,
          .callers = callers,
          .calls_per_second = MedianOf(rate),
          .cpu_us_per_call = MedianOf(cpu),
          .calls_per_second_ratio = MedianOf(rate_ratio),
          .cpu_ratio = MedianOf(cpu_ratio)};
}

}  // namespace

absl::StatusOr<std::vector<Throughput>> MeasureThroughput(const ThroughputPlan& plan) {
  std::vector<std::unique_ptr<Subject>> subjects;
  for (const std::string& name : plan.subjects) {
    absl::StatusOr<std::unique_ptr<Subject>> subject = MakeSubject(name, plan.target);
    if (!subject.ok()) return subject.status();
    subjects.push_back(*std::move(subject));
  }

  std::vector<Throughput> results;
  for (const int callers : plan.callers) {
    std::vector<std::vector<Slice>> slices(subjects.size());
    for (int round = 0; round < plan.rounds; ++round) {
      for (const size_t i : Order(subjects.size(), round)) {
        absl::StatusOr<Slice> slice = MeasureSlice(*subjects[i], callers, plan.slice);
        if (!slice.ok()) return slice.status();
        slices[i].push_back(*slice);
      }
    }
    for (size_t i = 0; i < subjects.size(); ++i) results.push_back(Summarise(plan.subjects[i], callers, slices[i], slices[0]));
  }
  return results;
}

}  // namespace userclient::benchmark
