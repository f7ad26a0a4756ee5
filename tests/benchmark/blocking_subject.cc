#include "tests/benchmark/blocking_subject.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <latch>
#include <thread>

namespace userclient::benchmark {
namespace {

class BlockingLoop : public ClosedLoop {
 public:
  BlockingLoop(int callers, BlockingSubject::BlockingCall call)
      : call_(std::move(call)), warming_up_(callers), callers_(callers) {
    for (Caller& caller : callers_) caller.thread = std::thread([this, &caller] { Work(caller); });
    warming_up_.wait();
  }

  ~BlockingLoop() override { Stop().IgnoreError(); }

  int64_t calls() const override {
    int64_t sum = 0;
    for (const Caller& caller : callers_) sum += caller.calls.load(std::memory_order_relaxed);
    return sum;
  }

  absl::Status Stop() override {
    stop_.store(true, std::memory_order_relaxed);
    absl::Status first_error;
    for (Caller& caller : callers_) {
      if (caller.thread.joinable()) caller.thread.join();
      first_error.Update(caller.error);
    }
    return first_error;
  }

 private:
  /// On cache lines of its own: the callers count without disturbing each other.
  struct alignas(128) Caller {
    std::atomic<int64_t> calls{0};
    absl::Status error{};
    std::thread thread{};
  };

  void Work(Caller& caller) {
    constexpr int kWarmUpCalls = 10;
    for (int i = 0; i < kWarmUpCalls && caller.error.ok(); ++i) caller.error = call_();
    warming_up_.count_down();
    while (caller.error.ok() && !stop_.load(std::memory_order_relaxed)) {
      caller.error = call_();
      caller.calls.fetch_add(1, std::memory_order_relaxed);
    }
  }

  const BlockingSubject::BlockingCall call_;
  std::atomic<bool> stop_{false};
  std::latch warming_up_;
  std::deque<Caller> callers_;
};

}  // namespace

absl::Status BlockingSubject::Call(int64_t count, int /*in_flight*/) {
  for (int64_t i = 0; i < count; ++i) {
    if (absl::Status status = call_(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

std::unique_ptr<ClosedLoop> BlockingSubject::Start(int callers) { return std::make_unique<BlockingLoop>(callers, call_); }

}  // namespace userclient::benchmark
