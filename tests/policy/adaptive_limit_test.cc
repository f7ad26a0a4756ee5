#include "policy/adaptive_limit.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "policy/concurrency_limiter.h"

namespace userclient::internal {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::Ge;
using Algorithm = AdaptiveLimitOptions::Algorithm;
using Outcome = AdaptiveLimit::Outcome;

const TimePoint kNow = TimePoint(1h);

TEST(AimdLimitTest, BeginsWithTheInitialLimit) { EXPECT_EQ(AimdLimit({.initial = 10}).limit(), 10); }

TEST(AimdLimitTest, GrowsByOneWhenItIsUsed) {
  AimdLimit limit({.initial = 10});

  EXPECT_EQ(limit.Update({.round_trip = 10ms, .in_flight = 10}), 11);
}

TEST(AimdLimitTest, GrowsFromHalfOfItsUseOn) {
  AimdLimit limit({.initial = 10});

  EXPECT_EQ(limit.Update({.round_trip = 10ms, .in_flight = 4}), 10);
  EXPECT_EQ(limit.Update({.round_trip = 10ms, .in_flight = 5}), 11);
}

TEST(AimdLimitTest, ShrinksByATenthOnADrop) {
  AimdLimit limit({.initial = 30});

  EXPECT_EQ(limit.Update({.round_trip = 10ms, .in_flight = 30, .dropped = true}), 27);
}

TEST(AimdLimitTest, ShrinksByOneAtLeast) {
  AimdLimit limit({.initial = 8, .minimum = 1});

  EXPECT_EQ(limit.Update({.in_flight = 1, .dropped = true}), 7);
}

TEST(AimdLimitTest, ShrinksOnATimeout) {
  AimdLimit limit({.initial = 20, .timeout = 1s});

  EXPECT_EQ(limit.Update({.round_trip = 1s + 1ns, .in_flight = 20}), 18);
}

TEST(AimdLimitTest, KeepsToItsBounds) {
  AimdLimit limit({.initial = 10, .minimum = 4, .maximum = 12});
  for (int i = 0; i < 100; ++i) limit.Update({.round_trip = 1ms, .in_flight = 100});
  EXPECT_EQ(limit.limit(), 12);

  for (int i = 0; i < 100; ++i) limit.Update({.in_flight = 100, .dropped = true});
  EXPECT_EQ(limit.limit(), 4);
}

class Gradient2LimitTest : public ::testing::Test {
 protected:
  int Update(int windows, Duration round_trip, int in_flight = 1000) {
    for (int i = 0; i < windows; ++i) limit_.Update({.round_trip = round_trip, .in_flight = in_flight});
    return limit_.limit();
  }

  Gradient2Limit limit_{AdaptiveLimitOptions{}};
};

/// 0.8 * 20 + 0.2 * (20 * 1 + 4) = 20.8; then 21.6.
TEST_F(Gradient2LimitTest, GrowsByAFifthOfTheQueueWhileRoundTripsAreSteady) {
  EXPECT_EQ(Update(1, 10ms), 20);
  EXPECT_EQ(Update(1, 10ms), 21);
  EXPECT_EQ(Update(8, 10ms), 28);
}

TEST_F(Gradient2LimitTest, GrowsUpToTheMaximum) { EXPECT_EQ(Update(1000, 10ms), 200); }

TEST_F(Gradient2LimitTest, KeepsTheLimitThatNobodyUses) { EXPECT_EQ(Update(100, 10ms, 9), 20); }

TEST_F(Gradient2LimitTest, ToleratesRoundTripsHalfAsLongAgain) {
  const int before = Update(20, 10ms);

  EXPECT_GT(Update(5, 15ms), before);
}

TEST_F(Gradient2LimitTest, ShrinksWhenRoundTripsGrow) {
  const int before = Update(100, 10ms);
  const int after = Update(10, 100ms);

  EXPECT_EQ(before, 100);
  EXPECT_LT(after, before / 2);
}

/// One window can take no more than 0.2 * 0.5 of the limit, however long its round trips are.
TEST_F(Gradient2LimitTest, OneOutlierCostsATenthAtMost) {
  Update(100, 10ms);

  EXPECT_GE(Update(1, 1h), 90);
}

TEST_F(Gradient2LimitTest, GoesDownToFourAndNoFurther) {
  Update(100, 10ms);

  EXPECT_EQ(Update(100, 10s), 8) << "half of it and a queue of four";
  for (int i = 0; i < 100; ++i) limit_.Update({.dropped = true});
  EXPECT_EQ(limit_.limit(), 4);
}

TEST_F(Gradient2LimitTest, RecoversWhenTheServiceDoes) {
  Update(100, 10ms);
  Update(100, 100ms);

  EXPECT_GT(Update(100, 10ms), 80);
}

TEST_F(Gradient2LimitTest, TheLongRoundTripComesDownFastAfterAnOverload) {
  Update(600, 100ms);
  Update(30, 10ms);

  EXPECT_LT(limit_.long_round_trip(), 25ms);
}

TEST_F(Gradient2LimitTest, AMeasuredBaselineIsNotWashedAwayByTheNextWindows) {
  limit_.SetBaseline(10ms);
  Update(9, 100ms);

  EXPECT_LT(limit_.long_round_trip(), 15ms);
}

TEST_F(Gradient2LimitTest, ADropIsNoQuickAnswer) {
  Update(100, 10ms);
  const Duration before = limit_.long_round_trip();
  for (int i = 0; i < 5; ++i) limit_.Update({.round_trip = 200us, .in_flight = 1000, .dropped = true});

  EXPECT_LT(limit_.limit(), 60);
  EXPECT_EQ(limit_.long_round_trip(), before);
}

class AdaptiveLimitTest : public ::testing::Test {
 protected:
  /// Lets calls end, spread over a bit more than one window. The limit if it changed.
  std::optional<int> RunWindow(AdaptiveLimit& limit, Outcome outcome, Duration round_trip, int calls = 100,
                               int in_flight = 1000) {
    std::optional<int> changed;
    for (int i = 0; i < calls; ++i) {
      now_ += std::chrono::microseconds(1'100'000) / calls;
      if (const auto now_changed = limit.Record(outcome, round_trip, in_flight, now_)) changed = now_changed;
    }
    return changed;
  }

  int RunWindows(AdaptiveLimit& limit, int windows, Outcome outcome, Duration round_trip, int calls = 100) {
    for (int i = 0; i < windows; ++i) RunWindow(limit, outcome, round_trip, calls);
    return limit.limit();
  }

  TimePoint now_ = kNow;
};

TEST_F(AdaptiveLimitTest, MovesOnceAWindow) {
  AdaptiveLimit limit({.algorithm = Algorithm::kAimd, .initial = 10});
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(limit.Record(Outcome::kAnswered, 1ms, 10, kNow), std::nullopt);
  EXPECT_EQ(limit.Record(Outcome::kAnswered, 1ms, 10, kNow + 1s - 1ns), std::nullopt);

  EXPECT_EQ(limit.Record(Outcome::kAnswered, 1ms, 10, kNow + 1s), 11);
  EXPECT_EQ(limit.Record(Outcome::kAnswered, 1ms, 10, kNow + 1s), std::nullopt);
}

TEST_F(AdaptiveLimitTest, WaitsForEnoughCalls) {
  AdaptiveLimit limit({.algorithm = Algorithm::kAimd, .initial = 10});
  for (int i = 0; i < 9; ++i) EXPECT_EQ(limit.Record(Outcome::kAnswered, 1ms, 10, kNow + i * 1s), std::nullopt);

  EXPECT_EQ(limit.Record(Outcome::kAnswered, 1ms, 10, kNow + 9s), 11);
}

TEST_F(AdaptiveLimitTest, SaysNothingWhenTheLimitStays) {
  AdaptiveLimit limit({.algorithm = Algorithm::kAimd, .initial = 10});

  EXPECT_EQ(RunWindow(limit, Outcome::kAnswered, 1ms, 100, 1), std::nullopt);
}

TEST_F(AdaptiveLimitTest, CancelledCallsSayNothing) {
  AdaptiveLimit limit({.algorithm = Algorithm::kAimd, .initial = 10, .timeout = 10ms});

  EXPECT_EQ(RunWindows(limit, 10, Outcome::kIgnored, 1h), 10);
}

TEST_F(AdaptiveLimitTest, WhatIsTooQuickToBeWorkSaysNothing) {
  AdaptiveLimit limit({.algorithm = Algorithm::kAimd, .initial = 10});

  EXPECT_EQ(RunWindows(limit, 10, Outcome::kAnswered, 99us), 10);
}

TEST_F(AdaptiveLimitTest, AServiceThatOnlyTurnsCallsAwayLowersTheLimit) {
  for (Algorithm algorithm : {Algorithm::kAimd, Algorithm::kGradient}) {
    AdaptiveLimit limit({.algorithm = algorithm, .initial = 100});

    EXPECT_EQ(RunWindows(limit, 100, Outcome::kDropped, 10us), 4);
  }
}

TEST_F(AdaptiveLimitTest, OneStrayDropIsNoOverload) {
  AdaptiveLimit limit({.algorithm = Algorithm::kAimd, .initial = 10});
  limit.Record(Outcome::kDropped, 1ms, 10, kNow);

  EXPECT_EQ(RunWindow(limit, Outcome::kAnswered, 1ms, 200), 11);
}

TEST_F(AdaptiveLimitTest, GrowsWhileTheServiceIsWell) {
  AdaptiveLimit limit({});

  EXPECT_EQ(RunWindows(limit, 1000, Outcome::kAnswered, 10ms, 20), 200);
}

TEST_F(AdaptiveLimitTest, ShrinksWhenCallsQueue) {
  AdaptiveLimit limit({});
  RunWindows(limit, 100, Outcome::kAnswered, 10ms, 20);

  EXPECT_LT(RunWindows(limit, 20, Outcome::kAnswered, 200ms, 20), 20);
}

/// A service that takes 20 calls at a time and queues the rest: round trips grow with what is in flight.
TEST_F(AdaptiveLimitTest, SettlesNearWhatTheServiceCanTake) {
  AdaptiveLimit limit({});
  const auto round_trip = [&] { return Duration(10ms) * std::max(20, limit.limit()) / 20; };
  for (int i = 0; i < 100; ++i) RunWindow(limit, Outcome::kAnswered, round_trip(), 20);

  EXPECT_GE(limit.limit(), 20);
  EXPECT_LE(limit.limit(), 60);
}

/// Calls that have been queueing for an hour look normal; the queue goes on growing until somebody measures without it.
TEST_F(AdaptiveLimitTest, RemeasuringCorrectsWhatALongOverloadMadeNormal) {
  const auto run_for_an_hour = [&](AdaptiveLimit& limit) {
    // Calls of others keep the service busy: ten times slower, unless this client is down to its minimum.
    for (int i = 0; i < 3600; ++i) RunWindow(limit, Outcome::kAnswered, limit.limit() > 4 ? 100ms : 10ms, 20);
    return limit.limit();
  };
  AdaptiveLimit drifting({});
  AdaptiveLimit remeasuring({.remeasure_every = 60s});

  EXPECT_EQ(run_for_an_hour(drifting), 200);
  EXPECT_LT(run_for_an_hour(remeasuring), 50);
}

TEST_F(AdaptiveLimitTest, RemeasuringTakesTwoWindowsAndGivesTheLimitBack) {
  AdaptiveLimit limit({.initial = 50, .remeasure_every = 3s});
  std::vector<int> limits;
  for (int second = 0; second < 6; ++second) {
    for (int i = 0; i < 20; ++i) limit.Record(Outcome::kAnswered, 10ms, 50, kNow + second * 1s);
    limits.push_back(limit.limit());
  }

  EXPECT_THAT(limits, ElementsAre(50, Ge(50), Ge(50), 4, 4, Ge(50)));
}

TEST_F(AdaptiveLimitTest, FeedsALimiter) {
  AdaptiveLimit adaptive({.algorithm = Algorithm::kAimd, .initial = 10});
  ConcurrencyLimiter limiter(adaptive.limit(), 0);
  const ConcurrencyLimiter::Seat seats[] = {limiter.TryAcquire(), limiter.TryAcquire(), limiter.TryAcquire(),
                                            limiter.TryAcquire(), limiter.TryAcquire()};

  if (const auto changed = RunWindow(adaptive, Outcome::kAnswered, 1ms, 100, limiter.in_flight())) limiter.SetLimit(*changed);

  EXPECT_EQ(limiter.limit(), 11);
}

TEST_F(AdaptiveLimitTest, ThreadsEndEachWindowOnce) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 20'000;
  AdaptiveLimit limit({.algorithm = Algorithm::kAimd, .initial = 10, .maximum = 1'000'000});
  std::atomic<int> ticks{0};
  std::atomic<int> changes{0};
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < kCalls; ++i) {
        // 80,000 calls over 80 s.
        const TimePoint now = kNow + ticks.fetch_add(1) * 1ms;
        if (limit.Record(Outcome::kAnswered, 1ms, 1'000'000, now)) changes.fetch_add(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(limit.limit(), 10 + changes.load());
  EXPECT_GE(changes.load(), 40);
  EXPECT_LE(changes.load(), 80);
}

}  // namespace
}  // namespace userclient::internal
