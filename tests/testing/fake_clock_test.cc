#include "userclient/testing/fake_clock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <stop_token>
#include <thread>
#include <vector>

namespace userclient::testing {
namespace {

using namespace std::chrono_literals;

TEST(FakeClockTest, StandsStillUntilItIsMoved) {
  FakeClock clock;
  const FakeClock::TimePoint start = clock.Now();

  EXPECT_EQ(clock.Now(), start);
  clock.Advance(90s);
  EXPECT_EQ(clock.Now(), start + 90s);
  clock.AdvanceTo(start + 2min);
  EXPECT_EQ(clock.Now(), start + 2min);
}

TEST(FakeClockTest, StartsWhereItIsTold) {
  const FakeClock clock(FakeClock::TimePoint(5s));

  EXPECT_EQ(clock.Now(), FakeClock::TimePoint(5s));
}

TEST(FakeClockTest, IsAFunctionToThoseWhoTakeOne) {
  FakeClock clock;
  const std::function<std::chrono::steady_clock::time_point()> now = clock.function();
  const FakeClock::TimePoint start = now();

  clock.Advance(1s);

  EXPECT_EQ(now(), start + 1s);
}

TEST(FakeClockTest, WakesWhoseTimeHasCome) {
  FakeClock clock;
  const FakeClock::TimePoint start = clock.Now();
  std::atomic<bool> late_awake = false;
  std::thread early([&] { clock.SleepUntil(start + 1min); });
  std::thread late([&] {
    clock.SleepUntil(start + 1h);
    late_awake = true;
  });
  ASSERT_TRUE(clock.AwaitSleepers(2));

  clock.Advance(1min);
  early.join();
  EXPECT_FALSE(late_awake);
  EXPECT_TRUE(clock.AwaitSleepers(1));

  clock.Advance(59min);
  late.join();
  EXPECT_TRUE(late_awake);
}

TEST(FakeClockTest, DoesNotCountThoseWhoAreAboutToWake) {
  FakeClock clock;
  std::thread sleeper([&, until = clock.Now() + 1min] { clock.SleepUntil(until); });
  ASSERT_TRUE(clock.AwaitSleepers(1));

  clock.Advance(1min);

  EXPECT_FALSE(clock.AwaitSleepers(1, 0ns));
  sleeper.join();
}

TEST(FakeClockTest, NobodySleepsUntilATimeThatHasPassed) {
  const FakeClock clock;

  clock.SleepUntil(clock.Now());

  EXPECT_FALSE(clock.AwaitSleepers(1, 1ms));
}

TEST(FakeClockTest, AStopEndsSleep) {
  const FakeClock clock;
  std::stop_source stop;
  auto reached = std::async(std::launch::async, [&] { return clock.SleepUntil(clock.Now() + 1h, stop.get_token()); });
  ASSERT_TRUE(clock.AwaitSleepers(1));

  stop.request_stop();

  EXPECT_FALSE(reached.get());
  EXPECT_FALSE(clock.AwaitSleepers(1, 0ns));
}

TEST(FakeClockTest, WhoIsToStopDoesNotFallAsleep) {
  const FakeClock clock;
  std::stop_source stop;
  stop.request_stop();

  EXPECT_FALSE(clock.SleepUntil(clock.Now() + 1h, stop.get_token()));
  EXPECT_TRUE(clock.SleepUntil(clock.Now(), stop.get_token()));
}

TEST(FakeClockTest, WakesWhoCouldBeStoppedAndIsNot) {
  FakeClock clock;
  const FakeClock::TimePoint until = clock.Now() + 1h;
  const std::stop_source stop;
  auto reached = std::async(std::launch::async, [&] { return clock.SleepUntil(until, stop.get_token()); });
  ASSERT_TRUE(clock.AwaitSleepers(1));

  clock.AdvanceTo(until);

  EXPECT_TRUE(reached.get());
}

// As where an ASSERT has failed before the clock is moved.
TEST(FakeClockTest, ASleepingThreadEndsWithItsScope) {
  const FakeClock clock;
  std::atomic<bool> refreshed = false;

  {
    const std::jthread refresher([&](const std::stop_token& stop) {
      if (clock.SleepUntil(clock.Now() + 1h, stop)) refreshed = true;
    });
    ASSERT_TRUE(clock.AwaitSleepers(1));
  }

  EXPECT_FALSE(refreshed);
}

TEST(FakeClockTest, StopsAtTheEndOfTheClock) {
  FakeClock clock;
  FakeClock before_the_epoch(FakeClock::TimePoint(-1h));

  clock.Advance(FakeClock::TimePoint::duration::max());
  before_the_epoch.Advance(FakeClock::TimePoint::duration::max());

  EXPECT_EQ(clock.Now(), FakeClock::TimePoint::max());
  EXPECT_EQ(before_the_epoch.Now(), FakeClock::TimePoint::max() - 1h);
}

TEST(FakeClockTest, IsMovedAndReadByManyThreads) {
  FakeClock clock;
  const FakeClock::TimePoint start = clock.Now();
  std::vector<std::thread> movers;

  for (int i = 0; i < 4; ++i) {
    movers.emplace_back([&clock] {
      for (int n = 0; n < 1'000; ++n) clock.Advance(1us);
    });
  }
  for (std::thread& mover : movers) mover.join();

  EXPECT_EQ(clock.Now(), start + 4ms);
}

TEST(FakeClockDeathTest, DoesNotGoBack) {
  FakeClock clock;

  EXPECT_DEATH(clock.Advance(-1ns), "a steady clock does not go back");
  EXPECT_DEATH(clock.AdvanceTo(clock.Now() - 1s), "a steady clock does not go back");
}

}  // namespace
}  // namespace userclient::testing
