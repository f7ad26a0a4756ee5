#include "call/async_seat.h"

namespace userclient::internal {

bool AsyncSeat::Take() {
  if (limiter_ == nullptr || seat_) return true;
  seat_ = limiter_->TryAcquire();
  if (seat_) return true;
  if (max_wait_ <= Duration::zero()) return false;
  // It may come before Enqueue returns.
  waiting_ = true;
  if (limiter_->Enqueue(*this) == ConcurrencyLimiter::Place::kFull) waiting_ = false;
  return false;
}

void AsyncSeat::OnSeat(ConcurrencyLimiter::Seat seat) {
  {
    const std::lock_guard lock(mutex_);
    arriving_ = std::move(seat);
  }
  on_seat_();
}

void AsyncSeat::Collect() {
  waiting_ = false;
  const std::lock_guard lock(mutex_);
  seat_ = std::move(arriving_);
}

bool AsyncSeat::LeaveLine() {
  if (!waiting_) return true;
  if (!limiter_->Cancel(*this)) return false;
  waiting_ = false;
  return true;
}

}  // namespace userclient::internal
