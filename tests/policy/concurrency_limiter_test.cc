#include "policy/concurrency_limiter.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace userclient::internal {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Seat = ConcurrencyLimiter::Seat;
using Place = ConcurrencyLimiter::Place;

/// Keeps the seat, as an asynchronous call would while it runs.
class Guest : public ConcurrencyLimiter::Waiter {
 public:
  explicit Guest(int name = 0, std::vector<int>* seated = nullptr) : name_(name), seated_(seated) {}

  void OnSeat(Seat seat) override {
    seat_ = std::move(seat);
    if (seated_ != nullptr) seated_->push_back(name_);
  }

  bool seated() const { return static_cast<bool>(seat_); }
  void Leave() { seat_.Return(); }

 private:
  const int name_;
  std::vector<int>* const seated_;
  Seat seat_{};
};

/// Has changed its mind when the seat comes.
class Deserter : public ConcurrencyLimiter::Waiter {
 public:
  void OnSeat(Seat) override { ++seats; }
  int seats = 0;
};

TEST(ConcurrencyLimiterTest, AdmitsUpToTheLimit) {
  ConcurrencyLimiter limiter(2, 0);
  const Seat first = limiter.TryAcquire();
  const Seat second = limiter.TryAcquire();
  const Seat third = limiter.TryAcquire();

  EXPECT_TRUE(first);
  EXPECT_TRUE(second);
  EXPECT_FALSE(third);
  EXPECT_EQ(limiter.in_flight(), 2);
}

TEST(ConcurrencyLimiterTest, ASeatReturnsItself) {
  ConcurrencyLimiter limiter(1, 0);
  { const Seat seat = limiter.TryAcquire(); }

  EXPECT_EQ(limiter.in_flight(), 0);
  EXPECT_TRUE(limiter.TryAcquire());
}

TEST(ConcurrencyLimiterTest, ASeatReturnsOnce) {
  ConcurrencyLimiter limiter(3, 0);
  const Seat other = limiter.TryAcquire();
  Seat seat = limiter.TryAcquire();
  Seat moved = std::move(seat);
  moved.Return();
  moved.Return();
  moved = Seat();

  EXPECT_EQ(limiter.in_flight(), 1);
}

TEST(ConcurrencyLimiterTest, AReplacedSeatIsReturned) {
  ConcurrencyLimiter limiter(2, 0);
  Seat seat = limiter.TryAcquire();
  seat = limiter.TryAcquire();

  EXPECT_TRUE(seat);
  EXPECT_EQ(limiter.in_flight(), 1);
}

TEST(ConcurrencyLimiterTest, WithoutALineNobodyWaits) {
  ConcurrencyLimiter limiter(1, 0);
  const Seat seat = limiter.TryAcquire();
  Guest guest;

  EXPECT_EQ(limiter.Enqueue(guest), Place::kFull);
  EXPECT_EQ(limiter.waiting(), 0);
}

TEST(ConcurrencyLimiterTest, SeatsAtOnceWhereThereIsRoom) {
  ConcurrencyLimiter limiter(1, 5);
  Guest guest;

  EXPECT_EQ(limiter.Enqueue(guest), Place::kSeated);
  EXPECT_TRUE(guest.seated());
}

TEST(ConcurrencyLimiterTest, HandsASeatToTheOldestInLine) {
  std::vector<int> seated;
  ConcurrencyLimiter limiter(1, 5);
  Seat seat = limiter.TryAcquire();
  Guest first(1, &seated);
  Guest second(2, &seated);
  Guest third(3, &seated);
  EXPECT_EQ(limiter.Enqueue(first), Place::kWaiting);
  EXPECT_EQ(limiter.Enqueue(second), Place::kWaiting);
  EXPECT_EQ(limiter.Enqueue(third), Place::kWaiting);

  seat.Return();
  EXPECT_THAT(seated, ElementsAre(1));
  first.Leave();
  second.Leave();

  EXPECT_THAT(seated, ElementsAre(1, 2, 3));
  EXPECT_EQ(limiter.in_flight(), 1);
}

TEST(ConcurrencyLimiterTest, TheLineIsBounded) {
  ConcurrencyLimiter limiter(1, 2);
  const Seat seat = limiter.TryAcquire();
  Guest guests[3];
  EXPECT_EQ(limiter.Enqueue(guests[0]), Place::kWaiting);
  EXPECT_EQ(limiter.Enqueue(guests[1]), Place::kWaiting);

  EXPECT_EQ(limiter.Enqueue(guests[2]), Place::kFull);
  EXPECT_EQ(limiter.waiting(), 2);
  EXPECT_TRUE(limiter.Cancel(guests[0]));
  EXPECT_EQ(limiter.Enqueue(guests[2]), Place::kWaiting);
  EXPECT_TRUE(limiter.Cancel(guests[1]));
  EXPECT_TRUE(limiter.Cancel(guests[2]));
}

TEST(ConcurrencyLimiterTest, NobodyJumpsTheQueue) {
  ConcurrencyLimiter limiter(1, 5);
  Seat seat = limiter.TryAcquire();
  Guest guest;
  EXPECT_EQ(limiter.Enqueue(guest), Place::kWaiting);
  limiter.SetLimit(1);

  EXPECT_FALSE(limiter.TryAcquire());
  seat.Return();
  EXPECT_FALSE(limiter.TryAcquire()) << "the seat is the guest's";
  EXPECT_TRUE(guest.seated());
}

TEST(ConcurrencyLimiterTest, WhoCancelsIsNotSeated) {
  std::vector<int> seated;
  ConcurrencyLimiter limiter(1, 5);
  Seat seat = limiter.TryAcquire();
  Guest first(1, &seated);
  Guest second(2, &seated);
  Guest third(3, &seated);
  EXPECT_EQ(limiter.Enqueue(first), Place::kWaiting);
  EXPECT_EQ(limiter.Enqueue(second), Place::kWaiting);
  EXPECT_EQ(limiter.Enqueue(third), Place::kWaiting);

  EXPECT_TRUE(limiter.Cancel(second));
  EXPECT_FALSE(limiter.Cancel(second));
  seat.Return();
  first.Leave();

  EXPECT_THAT(seated, ElementsAre(1, 3));
  third.Leave();
  EXPECT_EQ(limiter.in_flight(), 0);
}

TEST(ConcurrencyLimiterTest, WhoCancelsTheLastPlaceLeavesNoTrace) {
  ConcurrencyLimiter limiter(1, 5);
  Seat seat = limiter.TryAcquire();
  Guest guest;
  EXPECT_EQ(limiter.Enqueue(guest), Place::kWaiting);
  EXPECT_TRUE(limiter.Cancel(guest));
  seat.Return();

  EXPECT_EQ(limiter.waiting(), 0);
  EXPECT_EQ(limiter.in_flight(), 0);
  EXPECT_TRUE(limiter.TryAcquire());
}

TEST(ConcurrencyLimiterTest, CancellingAfterBeingSeatedSaysSo) {
  ConcurrencyLimiter limiter(1, 5);
  Seat seat = limiter.TryAcquire();
  Guest guest;
  EXPECT_EQ(limiter.Enqueue(guest), Place::kWaiting);
  seat.Return();

  EXPECT_FALSE(limiter.Cancel(guest));
  EXPECT_TRUE(guest.seated());
}

TEST(ConcurrencyLimiterTest, AWaiterCanWaitAgain) {
  ConcurrencyLimiter limiter(1, 5);
  Guest guest;
  for (int i = 0; i < 3; ++i) {
    Seat seat = limiter.TryAcquire();
    EXPECT_EQ(limiter.Enqueue(guest), Place::kWaiting);
    seat.Return();
    EXPECT_TRUE(guest.seated());
    guest.Leave();
  }
}

TEST(ConcurrencyLimiterTest, AHigherLimitSeatsThoseWhoWait) {
  std::vector<int> seated;
  ConcurrencyLimiter limiter(1, 5);
  const Seat seat = limiter.TryAcquire();
  Guest first(1, &seated);
  Guest second(2, &seated);
  Guest third(3, &seated);
  EXPECT_EQ(limiter.Enqueue(first), Place::kWaiting);
  EXPECT_EQ(limiter.Enqueue(second), Place::kWaiting);
  EXPECT_EQ(limiter.Enqueue(third), Place::kWaiting);

  limiter.SetLimit(3);

  EXPECT_THAT(seated, ElementsAre(1, 2));
  EXPECT_EQ(limiter.in_flight(), 3);
  EXPECT_EQ(limiter.waiting(), 1);
  EXPECT_TRUE(limiter.Cancel(third));
}

TEST(ConcurrencyLimiterTest, ALowerLimitWaitsForCallsToEnd) {
  std::vector<int> seated;
  ConcurrencyLimiter limiter(3, 5);
  Seat seats[] = {limiter.TryAcquire(), limiter.TryAcquire(), limiter.TryAcquire()};
  Guest guest(1, &seated);
  EXPECT_EQ(limiter.Enqueue(guest), Place::kWaiting);

  limiter.SetLimit(1);
  seats[0].Return();
  seats[1].Return();
  EXPECT_THAT(seated, IsEmpty());
  EXPECT_EQ(limiter.in_flight(), 1);
  seats[2].Return();

  EXPECT_THAT(seated, ElementsAre(1));
  EXPECT_EQ(limiter.in_flight(), 1);
}

TEST(ConcurrencyLimiterTest, TakesTheLargestNumbers) {
  ConcurrencyLimiter limiter(ConcurrencyLimiter::kMaximum, ConcurrencyLimiter::kMaximum);
  const Seat seat = limiter.TryAcquire();

  EXPECT_EQ(limiter.limit(), ConcurrencyLimiter::kMaximum);
  EXPECT_EQ(limiter.in_flight(), 1);
  EXPECT_EQ(limiter.waiting(), 0);
}

/// Every one of them drops its seat from inside OnSeat, and so seats the next.
TEST(ConcurrencyLimiterTest, ALongLineOfDesertersDoesNotEatTheStack) {
  constexpr int kDeserters = 500'000;
  ConcurrencyLimiter limiter(1, kDeserters);
  Seat seat = limiter.TryAcquire();
  std::vector<Deserter> line(kDeserters);
  for (Deserter& deserter : line) ASSERT_EQ(limiter.Enqueue(deserter), Place::kWaiting);

  seat.Return();

  EXPECT_EQ(limiter.waiting(), 0);
  EXPECT_EQ(limiter.in_flight(), 0);
  EXPECT_EQ(line.back().seats, 1);
}

/// An asynchronous call ends and takes its state, the waiter included, with it.
TEST(ConcurrencyLimiterTest, AWaiterMayBeDestroyedWhenItIsSeated) {
  struct Call : ConcurrencyLimiter::Waiter {
    explicit Call(int& calls) : ended(calls) {}
    void OnSeat(Seat seat) override {
      const Seat mine = std::move(seat);
      ++ended;
      delete this;
    }
    int& ended;
  };
  int ended = 0;
  ConcurrencyLimiter limiter(1, 10);
  Seat seat = limiter.TryAcquire();
  for (int i = 0; i < 10; ++i) ASSERT_EQ(limiter.Enqueue(*new Call(ended)), Place::kWaiting);

  seat.Return();

  EXPECT_EQ(ended, 10);
}

/// How a blocking driver waits.
class BlockedCaller : public ConcurrencyLimiter::Waiter {
 public:
  Seat Wait(ConcurrencyLimiter& limiter, std::chrono::microseconds patience) {
    if (limiter.Enqueue(*this) == Place::kFull) return Seat();
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, patience, [this] { return static_cast<bool>(seat_); })) {
      lock.unlock();
      if (limiter.Cancel(*this)) return Seat();
      // It is just being handed over.
      lock.lock();
      arrived_.wait(lock, [this] { return static_cast<bool>(seat_); });
    }
    return std::move(seat_);
  }

  void OnSeat(Seat seat) override {
    const std::lock_guard lock(mutex_);
    seat_ = std::move(seat);
    arrived_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  Seat seat_{};
};

class ConcurrencyLimiterThreadTest : public ::testing::Test {
 protected:
  static constexpr int kThreads = 6;

  template <typename Function>
  void RunThreads(Function function) {
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (int thread = 0; thread < kThreads; ++thread) threads.emplace_back([&, thread] { function(thread); });
    for (std::thread& thread : threads) thread.join();
  }

  void Enter() {
    const int now_inside = inside_.fetch_add(1) + 1;
    int seen = most_.load();
    while (now_inside > seen && !most_.compare_exchange_weak(seen, now_inside)) {
    }
    std::this_thread::yield();
  }
  void Leave() { inside_.fetch_sub(1); }

  std::atomic<int> inside_{0};
  std::atomic<int> most_{0};
};

TEST_F(ConcurrencyLimiterThreadTest, NeverMoreThanTheLimit) {
  ConcurrencyLimiter limiter(3, 0);

  RunThreads([&](int) {
    for (int i = 0; i < 4'000; ++i) {
      const Seat seat = limiter.TryAcquire();
      if (!seat) continue;
      Enter();
      Leave();
    }
  });

  EXPECT_LE(most_.load(), 3);
  EXPECT_GE(most_.load(), 1);
  EXPECT_EQ(limiter.in_flight(), 0);
}

/// Those who wait lose patience at about the time at which their seat comes.
TEST_F(ConcurrencyLimiterThreadTest, NoSeatIsLostBetweenHandingOverAndLosingPatience) {
  ConcurrencyLimiter limiter(2, 4);
  std::atomic<int> seated{0};
  std::atomic<int> gave_up{0};

  RunThreads([&](int thread) {
    std::mt19937 dice(static_cast<unsigned>(thread));
    for (int i = 0; i < 3'000; ++i) {
      BlockedCaller caller;
      const Seat seat = caller.Wait(limiter, std::chrono::microseconds(dice() % 60));
      if (!seat) {
        gave_up.fetch_add(1);
        continue;
      }
      seated.fetch_add(1);
      Enter();
      Leave();
    }
  });

  EXPECT_LE(most_.load(), 2);
  EXPECT_EQ(seated.load() + gave_up.load(), kThreads * 3'000);
  EXPECT_EQ(limiter.in_flight(), 0);
  EXPECT_EQ(limiter.waiting(), 0);
}

/// Everybody who has patience is served, whatever the limit does meanwhile.
TEST_F(ConcurrencyLimiterThreadTest, NobodyIsForgottenWhileTheLimitChanges) {
  ConcurrencyLimiter limiter(2, kThreads);
  std::atomic<int> served{0};

  RunThreads([&](int thread) {
    for (int i = 0; i < 2'000; ++i) {
      if (thread == 0) {
        limiter.SetLimit(1 + i % 4);
        continue;
      }
      BlockedCaller caller;
      const Seat seat = caller.Wait(limiter, 60s);
      served.fetch_add(seat ? 1 : 0);
    }
  });

  EXPECT_EQ(served.load(), (kThreads - 1) * 2'000);
  EXPECT_EQ(limiter.in_flight(), 0);
}

/// Refused, waiting, cancelling and asynchronous callers at once.
TEST_F(ConcurrencyLimiterThreadTest, AllKindsOfCallersShareTheSeats) {
  ConcurrencyLimiter limiter(3, 100);
  std::atomic<int> expected{0};
  std::atomic<int> seen{0};
  struct Call : ConcurrencyLimiter::Waiter {
    explicit Call(std::atomic<int>& counter) : seats(counter) {}
    void OnSeat(Seat) override { seats.fetch_add(1); }
    std::atomic<int>& seats;
  };
  std::vector<std::unique_ptr<Call>> calls[kThreads];

  RunThreads([&](int thread) {
    for (int i = 0; i < 5'000; ++i) {
      const Seat seat = i % 3 == 0 ? limiter.TryAcquire() : Seat();
      Call& call = *calls[thread].emplace_back(std::make_unique<Call>(seen));
      if (limiter.Enqueue(call) == Place::kFull) continue;
      if (i % 2 == 0 || !limiter.Cancel(call)) expected.fetch_add(1);
    }
  });

  EXPECT_EQ(seen.load(), expected.load());
  EXPECT_EQ(limiter.in_flight(), 0);
  EXPECT_EQ(limiter.waiting(), 0);
}

}  // namespace
}  // namespace userclient::internal
