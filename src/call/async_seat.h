#pragma once

#include <functional>
#include <mutex>
#include <utility>

#include "call/compartment.h"
#include "policy/concurrency_limiter.h"

namespace userclient::internal {

/// The seat of a call in which no thread waits. All but `on_seat` happens in the handlers of the call.
class AsyncSeat final : private ConcurrencyLimiter::Waiter {
 public:
  /// `on_seat` is called, on any thread, when a seat that was waited for is there; the call then posts itself an event, and its
  /// handler calls Collect. The compartment must live as long.
  AsyncSeat(Compartment& compartment, std::function<void()> on_seat)
      : limiter_(compartment.limiter()), max_wait_(compartment.max_wait()), on_seat_(std::move(on_seat)) {}

  /// True: there is one, or none is needed. False: the compartment is full; waiting() tells whether one is waited for.
  bool Take();
  bool waiting() const { return waiting_; }
  Duration max_wait() const { return max_wait_; }

  void Collect();

  /// Gives up waiting. False: too late, the seat is just coming, and Collect will be due.
  bool LeaveLine();

  void Return() { seat_.Return(); }

 private:
  void OnSeat(ConcurrencyLimiter::Seat seat) override;

  ConcurrencyLimiter* const limiter_;
  const Duration max_wait_;
  const std::function<void()> on_seat_;
  bool waiting_ = false;
  ConcurrencyLimiter::Seat seat_;

  std::mutex mutex_;
  // Guarded by mutex_.
  ConcurrencyLimiter::Seat arriving_;
};

}  // namespace userclient::internal
