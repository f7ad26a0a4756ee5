#include "policy/concurrency_limiter.h"

#include <algorithm>

namespace userclient::internal {

ConcurrencyLimiter::ConcurrencyLimiter(int limit, int max_waiting)
    : word_(static_cast<Word>(limit) << kLimitShift), max_waiting_(max_waiting) {}

ConcurrencyLimiter::Place ConcurrencyLimiter::Enqueue(Waiter& waiter) {
  if (Seat seat = TryAcquire()) {
    waiter.OnSeat(std::move(seat));
    return Place::kSeated;
  }
  if (max_waiting_ == 0) return Place::kFull;

  {
    const std::lock_guard lock(mutex_);
    Word word = word_.load(std::memory_order_relaxed);
    Word after = 0;
    bool seated = false;
    do {
      // A seat may have come free since the first look.
      seated = HasRoom(word);
      if (!seated && WaitingOf(word) >= max_waiting_) return Place::kFull;
      after = word + (seated ? kOneInFlight : kOneWaiting);
    } while (!word_.compare_exchange_weak(word, after, std::memory_order_acquire, std::memory_order_relaxed));
    if (!seated) {
      waiter.limiter_ = this;
      waiter.older_ = newest_;
      waiter.newer_ = nullptr;
      waiter.in_line_ = true;
      (newest_ != nullptr ? newest_->newer_ : oldest_) = &waiter;
      newest_ = &waiter;
      return Place::kWaiting;
    }
  }
  waiter.OnSeat(Seat(this));
  return Place::kSeated;
}

bool ConcurrencyLimiter::Cancel(Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  if (!waiter.in_line_) return false;
  waiter.in_line_ = false;
  (waiter.older_ != nullptr ? waiter.older_->newer_ : oldest_) = waiter.newer_;
  (waiter.newer_ != nullptr ? waiter.newer_->older_ : newest_) = waiter.older_;
  word_.fetch_sub(kOneWaiting, std::memory_order_relaxed);
  return true;
}

void ConcurrencyLimiter::SetLimit(int limit) {
  Waiter* seated = nullptr;
  {
    const std::lock_guard lock(mutex_);
    Word word = word_.load(std::memory_order_relaxed);
    Word after = 0;
    int seats = 0;
    do {
      seats = std::clamp(limit - InFlightOf(word), 0, WaitingOf(word));
      after = ((word & ~kLimitMask) | static_cast<Word>(limit) << kLimitShift) - static_cast<Word>(seats) * kOneWaiting +
              static_cast<Word>(seats) * kOneInFlight;
    } while (!word_.compare_exchange_weak(word, after, std::memory_order_acq_rel, std::memory_order_relaxed));
    Waiter** end = &seated;
    for (; seats > 0; --seats) {
      *end = PopOldest();
      end = &(*end)->newer_;
    }
  }
  Deliver(seated);
}

/// Hands the seat of the calling thread to the oldest in line.
void ConcurrencyLimiter::ReleaseWithLine() {
  Waiter* seated = nullptr;
  {
    const std::lock_guard lock(mutex_);
    Word word = word_.load(std::memory_order_relaxed);
    bool hand_over = false;
    do {
      // The line may have gone meanwhile, and a lowered limit takes the seat away.
      hand_over = WaitingOf(word) != 0 && InFlightOf(word) <= LimitOf(word);
    } while (!word_.compare_exchange_weak(word, word - (hand_over ? kOneWaiting : kOneInFlight), std::memory_order_acq_rel,
                                          std::memory_order_relaxed));
    if (hand_over) seated = PopOldest();
  }
  Deliver(seated);
}

ConcurrencyLimiter::Waiter* ConcurrencyLimiter::PopOldest() {
  Waiter* waiter = oldest_;
  oldest_ = waiter->newer_;
  (oldest_ != nullptr ? oldest_->older_ : newest_) = nullptr;
  waiter->newer_ = nullptr;
  waiter->in_line_ = false;
  return waiter;
}

/// Gives the waiters, linked by newer_, their seats. One that drops its seat at once (its time was up) makes room for the next
/// from inside OnSeat; a loop, not a recursion, so that a long line of them does not eat the stack.
void ConcurrencyLimiter::Deliver(Waiter* oldest) {
  struct Deliveries {
    Waiter* oldest = nullptr;
    Waiter* newest = nullptr;
    bool under_way = false;
  };
  thread_local Deliveries deliveries;
  while (oldest != nullptr) {
    Waiter* waiter = oldest;
    oldest = std::exchange(waiter->newer_, nullptr);
    (deliveries.newest != nullptr ? deliveries.newest->newer_ : deliveries.oldest) = waiter;
    deliveries.newest = waiter;
  }
  if (deliveries.under_way) return;
  deliveries.under_way = true;
  while (deliveries.oldest != nullptr) {
    Waiter* waiter = deliveries.oldest;
    deliveries.oldest = waiter->newer_;
    if (deliveries.oldest == nullptr) deliveries.newest = nullptr;
    waiter->OnSeat(Seat(waiter->limiter_));
  }
  deliveries.under_way = false;
}

}  // namespace userclient::internal
