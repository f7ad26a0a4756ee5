#include "tests/benchmark/async_subject.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <latch>
#include <limits>
#include <mutex>

namespace userclient::benchmark {
namespace {

constexpr int64_t kEndless = std::numeric_limits<int64_t>::max();

class AsyncLoop : public ClosedLoop {
 public:
  /// Each caller makes `calls_each` calls; one more for the first `one_more` of them.
  AsyncLoop(int callers, AsyncSubject::AsyncCall call, int64_t calls_each, int64_t one_more = 0)
      : call_(std::move(call)), warming_up_(callers), running_(callers), callers_(callers) {
    for (OneCaller& caller : callers_) {
      caller.loop = this;
      caller.left = calls_each;
      if (one_more-- > 0) ++caller.left;
    }
    for (OneCaller& caller : callers_) GoOn(caller);
  }

  ~AsyncLoop() override { Stop().IgnoreError(); }

  void WaitUntilWarm() const { warming_up_.wait(); }

  int64_t calls() const override {
    int64_t sum = 0;
    for (const OneCaller& caller : callers_) sum += caller.calls.load(std::memory_order_relaxed);
    return sum;
  }

  absl::Status Stop() override {
    stop_.store(true, std::memory_order_relaxed);
    return Wait();
  }

  /// Until every caller has made its calls, or one has failed.
  absl::Status Wait() {
    std::unique_lock lock(mutex_);
    all_ended_.wait(lock, [this] { return running_ == 0; });
    absl::Status first_error;
    for (const OneCaller& caller : callers_) first_error.Update(caller.error);
    return first_error;
  }

 private:
  /// On cache lines of its own, as the callers of a BlockingSubject. Has one call in flight, or has ended.
  struct alignas(128) OneCaller final : AsyncSubject::Caller {
    void OnDone(const absl::Status& status) override { loop->OnDone(*this, status); }

    AsyncLoop* loop = nullptr;
    int64_t left = 0;
    int warm_up = 10;
    std::atomic<int64_t> calls{0};
    absl::Status error{};
  };

  void GoOn(OneCaller& caller) {
    if (caller.left == 0 || !caller.error.ok() || stop_.load(std::memory_order_relaxed)) return End(caller);
    --caller.left;
    call_(caller);
  }

  void OnDone(OneCaller& caller, const absl::Status& status) {
    if (!status.ok()) caller.error = status;
    caller.calls.fetch_add(1, std::memory_order_relaxed);
    if (caller.warm_up > 0 && --caller.warm_up == 0) warming_up_.count_down();
    GoOn(caller);
  }

  void End(OneCaller& caller) {
    if (caller.warm_up > 0) warming_up_.count_down();
    // Under the lock: whoever waits may destroy the loop as soon as it sees that nobody is left.
    const std::lock_guard lock(mutex_);
    if (--running_ == 0) all_ended_.notify_all();
  }

  const AsyncSubject::AsyncCall call_;
  std::atomic<bool> stop_{false};
  std::latch warming_up_;
  std::mutex mutex_;
  std::condition_variable all_ended_;
  int running_;
  std::deque<OneCaller> callers_;
};

}  // namespace

absl::Status AsyncSubject::Call(int64_t count, int in_flight) {
  return AsyncLoop(in_flight, call_, count / in_flight, count % in_flight).Wait();
}

std::unique_ptr<ClosedLoop> AsyncSubject::Start(int callers) {
  auto loop = std::make_unique<AsyncLoop>(callers, call_, kEndless);
  loop->WaitUntilWarm();
  return loop;
}

}  // namespace userclient::benchmark
