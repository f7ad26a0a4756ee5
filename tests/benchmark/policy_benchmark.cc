/// What the policies cost a call: to be admitted and to report, one after the other, on one thread and on two that share
/// everything. `allocations` is what a call takes from the heap.

#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "policy/adaptive_limit.h"
#include "policy/circuit_breaker.h"
#include "policy/concurrency_limiter.h"
#include "policy/latency_window.h"

namespace {

thread_local int64_t allocations = 0;

}  // namespace

[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  ++allocations;
  const auto boundary = static_cast<std::size_t>(alignment);
  if (void* memory = std::aligned_alloc(boundary, (size + boundary - 1) / boundary * boundary)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace userclient::internal {
namespace {

using namespace std::chrono_literals;

/// Time that passes at the pace of 50,000 calls a second and thread, without the cost of a clock. Every run begins where no run
/// has been before.
class CheapClock {
 public:
  explicit CheapClock(const benchmark::State& state) {
    static std::atomic<int> runs{0};
    const int run = state.thread_index() == 0 ? ++runs : runs.load();
    now_ = TimePoint(run * 100h);
  }

  TimePoint Now() { return now_ += 10us; }

 private:
  TimePoint now_;
};

class CountAllocations {
 public:
  explicit CountAllocations(benchmark::State& state) : state_(state) {}
  ~CountAllocations() {
    const auto taken = static_cast<double>(allocations - before_);
    state_.counters["allocations"] = benchmark::Counter(taken, benchmark::Counter::kAvgIterations);
  }

 private:
  benchmark::State& state_;
  const int64_t before_ = allocations;
};

struct Policies {
  CircuitBreaker breaker{{}, [] { return 0.5; }};
  CircuitBreaker breaker_with_everything{{.consecutive_failures = 5, .slow_call_duration = 1s}, [] { return 0.5; }};
  CircuitBreaker open_breaker{{.minimum_calls = 1, .open_duration = 24h * 10'000, .max_open_duration = 24h * 10'000},
                              [] { return 0.5; }};
  ConcurrencyLimiter limiter{256, 0};
  AdaptiveLimit adaptive{{}};
  LatencyWindow latencies{0.95};
};

/// One for all threads, as a client has.
Policies& Shared() {
  static auto* policies = [] {
    auto* made = new Policies;
    made->open_breaker.Acquire(TimePoint{}).permit.Settle(Verdict::kFailure, TimePoint{}, 1ms);
    return made;
  }();
  return *policies;
}

void AdmitAndSettle(benchmark::State& state, CircuitBreaker& breaker, bool a_tenth_fails) {
  CheapClock clock(state);
  const CountAllocations count(state);
  int call = 0;
  for (auto _ : state) {
    CircuitBreaker::Admission admission = breaker.Acquire(clock.Now());
    const Verdict verdict = a_tenth_fails && call == 9 ? Verdict::kFailure : Verdict::kSuccess;
    benchmark::DoNotOptimize(admission.permit.Settle(verdict, clock.Now(), 1ms));
    call = call == 9 ? 0 : call + 1;
  }
  if (breaker.state() != CircuitState::kClosed) state.SkipWithError("the breaker has opened");
}

void BreakerClosed(benchmark::State& state) { AdmitAndSettle(state, Shared().breaker, false); }
BENCHMARK(BreakerClosed)->ThreadRange(1, 2)->UseRealTime();

void BreakerClosedWithSlowCallsAndRow(benchmark::State& state) { AdmitAndSettle(state, Shared().breaker_with_everything, false); }
BENCHMARK(BreakerClosedWithSlowCallsAndRow)->ThreadRange(1, 2)->UseRealTime();

void BreakerClosedWhileATenthFails(benchmark::State& state) { AdmitAndSettle(state, Shared().breaker, true); }
BENCHMARK(BreakerClosedWhileATenthFails)->ThreadRange(1, 2)->UseRealTime();

void BreakerOpen(benchmark::State& state) {
  CheapClock clock(state);
  const CountAllocations count(state);
  CircuitBreaker& breaker = Shared().open_breaker;
  for (auto _ : state) benchmark::DoNotOptimize(breaker.Acquire(clock.Now()));
}
BENCHMARK(BreakerOpen)->ThreadRange(1, 2)->UseRealTime();

void Limiter(benchmark::State& state) {
  const CountAllocations count(state);
  ConcurrencyLimiter& limiter = Shared().limiter;
  for (auto _ : state) {
    const ConcurrencyLimiter::Seat seat = limiter.TryAcquire();
    benchmark::DoNotOptimize(seat);
  }
}
BENCHMARK(Limiter)->ThreadRange(1, 2)->UseRealTime();

/// All that stands between a call and its channel.
void LimiterAndBreaker(benchmark::State& state) {
  CheapClock clock(state);
  const CountAllocations count(state);
  Policies& policies = Shared();
  for (auto _ : state) {
    const ConcurrencyLimiter::Seat seat = policies.limiter.TryAcquire();
    CircuitBreaker::Admission admission = policies.breaker.Acquire(clock.Now());
    benchmark::DoNotOptimize(admission.permit.Settle(Verdict::kSuccess, clock.Now(), 1ms));
  }
}
BENCHMARK(LimiterAndBreaker)->ThreadRange(1, 2)->UseRealTime();

void Adaptive(benchmark::State& state) {
  CheapClock clock(state);
  const CountAllocations count(state);
  AdaptiveLimit& adaptive = Shared().adaptive;
  for (auto _ : state) benchmark::DoNotOptimize(adaptive.Record(AdaptiveLimit::Outcome::kAnswered, 1ms, 10, clock.Now()));
}
BENCHMARK(Adaptive)->ThreadRange(1, 2)->UseRealTime();

void LatencyRecord(benchmark::State& state) {
  CheapClock clock(state);
  const CountAllocations count(state);
  LatencyWindow& latencies = Shared().latencies;
  for (auto _ : state) latencies.Record(1ms, clock.Now());
}
BENCHMARK(LatencyRecord)->ThreadRange(1, 2)->UseRealTime();

void LatencyPercentile(benchmark::State& state) {
  CheapClock clock(state);
  const CountAllocations count(state);
  LatencyWindow& latencies = Shared().latencies;
  for (int i = 0; i < 100; ++i) latencies.Record(1ms, clock.Now());
  for (auto _ : state) benchmark::DoNotOptimize(latencies.Percentile(clock.Now()));
}
BENCHMARK(LatencyPercentile)->ThreadRange(1, 2)->UseRealTime();

/// For comparison: what the two threads pay for one counter that both write.
void OneSharedCounter(benchmark::State& state) {
  static std::atomic<int64_t> counter{0};
  for (auto _ : state) counter.fetch_add(1, std::memory_order_relaxed);
}
BENCHMARK(OneSharedCounter)->ThreadRange(1, 2)->UseRealTime();

}  // namespace
}  // namespace userclient::internal

BENCHMARK_MAIN();
