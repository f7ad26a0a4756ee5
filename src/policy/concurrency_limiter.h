#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>

#include "policy/thread_shard.h"

namespace userclient::internal {

/// At most so many calls in flight; those that come too many are refused, or wait in line, first come first served.
///
///   ConcurrencyLimiter::Seat seat = limiter.TryAcquire();
///   if (!seat) return Refuse();
///   ... the call; the seat returns itself when it goes out of scope
///
/// Waiting is left to the driver. A Waiter stands in line for it; when its turn comes it is handed the seat by the thread that
/// gives it up. A blocking driver signals a condition there, an asynchronous one starts the call; both take the waiter out of the
/// line when their time is up:
///
///   switch (limiter.Enqueue(waiter)) ...            kSeated: already handed over · kFull: refuse
///   if (limiter.Cancel(waiter)) return Refuse();    false: the seat is coming, or has come; wait for it and use it or drop it
///
/// *Thread-safe.* Without a line, taking and returning a seat are one compare-and-swap each. Queueing takes a mutex, under which
/// nothing else runs.
class ConcurrencyLimiter {
 public:
  class Seat;
  class Waiter;
  enum class Place { kSeated, kWaiting, kFull };

  /// The largest limit, and the longest line.
  static constexpr int kMaximum = (1 << 21) - 1;

  /// `limit` calls in flight, from 1, and `max_waiting` in line, from 0; both up to kMaximum.
  ConcurrencyLimiter(int limit, int max_waiting);

  /// Nobody may be waiting and no seat be out.
  ~ConcurrencyLimiter() = default;
  ConcurrencyLimiter(const ConcurrencyLimiter&) = delete;
  ConcurrencyLimiter& operator=(const ConcurrencyLimiter&) = delete;

  /// A seat, or an empty one if none is free. While others wait, none is.
  [[nodiscard]] Seat TryAcquire();

  /// Gives the waiter a seat at once (kSeated), or a place in line (kWaiting), or neither (kFull: the line is too long). It must
  /// not be in line already, and must live until it has its seat or Cancel has returned true.
  [[nodiscard]] Place Enqueue(Waiter& waiter);

  /// Takes a waiter out of the line. False if it is not in line: then it was seated, or is just being seated by another thread.
  [[nodiscard]] bool Cancel(Waiter& waiter);

  /// Seats those who wait if there is room for them now. Calls in flight beyond a lower limit go on; no new one starts until
  /// enough of them have ended.
  void SetLimit(int limit);

  int limit() const { return LimitOf(word_.load(std::memory_order_relaxed)); }
  int in_flight() const { return InFlightOf(word_.load(std::memory_order_relaxed)); }
  int waiting() const { return WaitingOf(word_.load(std::memory_order_relaxed)); }

 private:
  // All that decides about a seat is in one word: 21 bits waiting | 21 bits limit | 22 bits in flight. `waiting` changes only
  // under the mutex and always agrees with the line. While anybody waits, at least as many calls as the limit allows are in
  // flight: whoever gives up a seat, or raises the limit, seats those who wait in the same compare-and-swap.
  using Word = uint64_t;
  static constexpr Word kOneInFlight = 1;
  static constexpr int kLimitShift = 22;
  static constexpr int kWaitingShift = 43;
  static constexpr Word kOneWaiting = Word{1} << kWaitingShift;
  static constexpr Word kLimitMask = Word{kMaximum} << kLimitShift;

  static constexpr int InFlightOf(Word word) { return static_cast<int>(word & ((1 << 22) - 1)); }
  static constexpr int LimitOf(Word word) { return static_cast<int>(word >> kLimitShift & kMaximum); }
  static constexpr int WaitingOf(Word word) { return static_cast<int>(word >> kWaitingShift); }
  static constexpr bool HasRoom(Word word) { return InFlightOf(word) < LimitOf(word); }

  void Release();
  void ReleaseWithLine();
  Waiter* PopOldest();
  static void Deliver(Waiter* oldest);

  alignas(kCacheLine) std::atomic<Word> word_;
  alignas(kCacheLine) std::mutex mutex_;
  const int max_waiting_;
  // The line, guarded by mutex_.
  Waiter* oldest_ = nullptr;
  Waiter* newest_ = nullptr;
};

/// The right to have one call in flight. It returns itself. Must not outlive its limiter.
class ConcurrencyLimiter::Seat {
 public:
  Seat() = default;
  Seat(Seat&& other) noexcept : limiter_(std::exchange(other.limiter_, nullptr)) {}
  Seat& operator=(Seat&& other) noexcept {
    Seat old(std::move(*this));
    limiter_ = std::exchange(other.limiter_, nullptr);
    return *this;
  }
  ~Seat() { Return(); }

  explicit operator bool() const { return limiter_ != nullptr; }

  /// Gives the seat up before its end. Does nothing if there is none.
  void Return() {
    if (ConcurrencyLimiter* limiter = std::exchange(limiter_, nullptr)) limiter->Release();
  }

 private:
  friend class ConcurrencyLimiter;
  explicit Seat(ConcurrencyLimiter* limiter) : limiter_(limiter) {}

  ConcurrencyLimiter* limiter_ = nullptr;
};

/// One who waits. Part of the driver's own state for a call, so that waiting allocates nothing.
class ConcurrencyLimiter::Waiter {
 public:
  Waiter() = default;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  virtual ~Waiter() = default;

  /// Takes the seat. Called exactly once for an Enqueue that was neither kFull nor cancelled: within Enqueue if kSeated, else by
  /// the thread that gave up a seat or raised the limit. No lock is held. The limiter does not look at the waiter any more, so it
  /// may be destroyed here. Must not block or throw.
  virtual void OnSeat(Seat seat) = 0;

 private:
  friend class ConcurrencyLimiter;

  ConcurrencyLimiter* limiter_ = nullptr;
  Waiter* older_ = nullptr;
  Waiter* newer_ = nullptr;
  /// Guarded by the limiter's mutex.
  bool in_line_ = false;
};

inline ConcurrencyLimiter::Seat ConcurrencyLimiter::TryAcquire() {
  Word word = word_.load(std::memory_order_relaxed);
  do {
    if (!HasRoom(word)) return Seat();
  } while (!word_.compare_exchange_weak(word, word + kOneInFlight, std::memory_order_acquire, std::memory_order_relaxed));
  return Seat(this);
}

inline void ConcurrencyLimiter::Release() {
  Word word = word_.load(std::memory_order_relaxed);
  do {
    if (WaitingOf(word) != 0) return ReleaseWithLine();
  } while (!word_.compare_exchange_weak(word, word - kOneInFlight, std::memory_order_release, std::memory_order_relaxed));
}

}  // namespace userclient::internal
