#include "load_loop.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "userclient/rejection.h"

namespace userctl {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPauseAfterRefusal(10);
/// What was due in time may begin a moment later, as threads do.
constexpr std::chrono::milliseconds kGrace(100);

/// False: the person has cancelled before.
bool SleepUntil(steady_clock::time_point time, const std::stop_token& stop) {
  if (time > steady_clock::now()) {
    std::mutex mutex;
    std::condition_variable_any cancelled;
    std::unique_lock lock(mutex);
    cancelled.wait_until(lock, stop, time, [] { return false; });
  }
  return !stop.stop_requested();
}

int64_t MostCalls(const LoadPlan& plan) { return plan.calls.value_or(std::numeric_limits<int64_t>::max()); }

bool HasPassed(const LoadPlan& plan, steady_clock::time_point start, std::chrono::nanoseconds grace = {}) {
  return plan.duration && steady_clock::now() - start >= *plan.duration + grace;
}

/// When the calls of an open loop are due.
class Schedule {
 public:
  Schedule(const LoadPlan& plan, steady_clock::time_point start) : rate_(*plan.rate), start_(start) {}

  steady_clock::time_point Due(int64_t number) const {
    const std::chrono::duration<double> after(static_cast<double>(number) / rate_);
    return start_ + std::chrono::duration_cast<steady_clock::duration>(after);
  }

  /// How many are due before so much time has passed.
  int64_t DueWithin(std::chrono::nanoseconds time) const {
    int64_t count = static_cast<int64_t>(std::chrono::duration<double>(time).count() * rate_);
    while (Due(count) - start_ < time) ++count;
    return count;
  }

 private:
  const double rate_;
  const steady_clock::time_point start_;
};

}  // namespace

int64_t RunOpenLoop(const LoadPlan& plan, LoadCaller& caller, LoadRecorder& recorder, const std::stop_token& stop) {
  const steady_clock::time_point start = steady_clock::now();
  const Schedule schedule(plan, start);
  int64_t planned = MostCalls(plan);
  if (plan.duration) planned = std::min(planned, schedule.DueWithin(*plan.duration));

  int64_t begun = 0;
  while (begun < planned && SleepUntil(schedule.Due(begun), stop) && recorder.AwaitRoom(plan.max_in_flight, stop)) {
    if (HasPassed(plan, start, kGrace)) break;
    recorder.NoteBegin(schedule.Due(begun));
    caller.Start(begun, schedule.Due(begun), [&recorder](const CallOutcome& outcome) { recorder.NoteEnd(outcome); });
    ++begun;
  }
  // The last call had its share of the time too: without it the rate would seem higher than it was.
  if (plan.duration && begun < MostCalls(plan)) SleepUntil(start + *plan.duration, stop);
  recorder.AwaitAll();
  return stop.stop_requested() ? 0 : planned - begun;
}

void RunClosedLoop(const LoadPlan& plan, LoadCaller& caller, LoadRecorder& recorder, const std::stop_token& stop) {
  const steady_clock::time_point start = steady_clock::now();
  std::atomic<int64_t> next = 0;
  const auto work = [&] {
    while (!stop.stop_requested() && !HasPassed(plan, start)) {
      const int64_t number = next++;
      if (number >= MostCalls(plan)) return;
      const steady_clock::time_point now = steady_clock::now();
      recorder.NoteBegin(now);
      const CallOutcome outcome = caller.Call(number, now);
      recorder.NoteEnd(outcome);
      if (userclient::RejectionOf(outcome.status)) SleepUntil(steady_clock::now() + kPauseAfterRefusal, stop);
    }
  };
  std::vector<std::jthread> callers;
  callers.reserve(static_cast<size_t>(plan.concurrency));
  for (int i = 0; i < plan.concurrency; ++i) callers.emplace_back(work);
}

}  // namespace userctl
