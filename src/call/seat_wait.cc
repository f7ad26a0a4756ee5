#include "call/seat_wait.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "call/attempt_rules.h"
#include "call/interruptible_wait.h"

namespace userclient::internal {
namespace {

class BlockingWaiter final : public ConcurrencyLimiter::Waiter {
 public:
  void OnSeat(ConcurrencyLimiter::Seat seat) override {
    // Notified under the lock: the one who waits may destroy this as soon as it sees the seat.
    const std::lock_guard lock(mutex_);
    seat_ = std::move(seat);
    seated_ = true;
    changed_.notify_one();
  }

  void WaitUntil(TimePoint until, const Interruption& interruption) {
    interruption.WaitUntil(mutex_, changed_, until, [this] { return seated_; });
  }

  ConcurrencyLimiter::Seat AwaitSeat() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return seated_; });
    return std::move(seat_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool seated_ = false;
  ConcurrencyLimiter::Seat seat_;
};

}  // namespace

ConcurrencyLimiter::Seat TakeSeat(Compartment& compartment, TimePoint deadline, const CallOptions& options,
                                  const std::stop_token& cancelled) {
  ConcurrencyLimiter& limiter = *compartment.limiter();
  ConcurrencyLimiter::Seat seat = limiter.TryAcquire();
  if (seat || compartment.max_wait() <= Duration::zero()) return seat;

  BlockingWaiter waiter;
  switch (limiter.Enqueue(waiter)) {
    case ConcurrencyLimiter::Place::kFull:
      return {};
    case ConcurrencyLimiter::Place::kSeated:
      return waiter.AwaitSeat();
    case ConcurrencyLimiter::Place::kWaiting:
      break;
  }
  const TimePoint now = Now();
  const TimePoint until = compartment.max_wait() < deadline - now ? now + compartment.max_wait() : deadline;
  waiter.WaitUntil(until, Interruption(options, cancelled));
  if (limiter.Cancel(waiter)) return {};
  // Too late to leave the line: the seat has come or is just coming.
  return waiter.AwaitSeat();
}

}  // namespace userclient::internal
