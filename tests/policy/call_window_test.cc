#include "policy/call_window.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace userclient::internal {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t kEpoch = 7;
const TimePoint kNow = TimePoint(1h);

void Count(CallWindow& window, int calls, TimePoint now, uint64_t epoch = kEpoch, bool failed = false) {
  for (int i = 0; i < calls; ++i) window.Count(epoch, now, failed, false);
}

TEST(CallWindowTest, CountsByKind) {
  CallWindow window(10s);
  window.Count(kEpoch, kNow, false, false);
  window.Count(kEpoch, kNow, true, false);
  window.Count(kEpoch, kNow, true, true);
  window.Count(kEpoch, kNow, false, true);

  const CallCounts totals = window.Totals(kEpoch, kNow);

  EXPECT_EQ(totals.calls, 4);
  EXPECT_EQ(totals.failures, 2);
  EXPECT_EQ(totals.slow_calls, 2);
}

TEST(CallWindowTest, ForgetsBucketByBucket) {
  CallWindow window(10s);
  for (int second = 0; second < 10; ++second) Count(window, second + 1, kNow + second * 1s);

  EXPECT_EQ(window.Totals(kEpoch, kNow + 9s).calls, 55);
  EXPECT_EQ(window.Totals(kEpoch, kNow + 10s).calls, 54);
  EXPECT_EQ(window.Totals(kEpoch, kNow + 14s).calls, 40);
  EXPECT_EQ(window.Totals(kEpoch, kNow + 18s).calls, 10);
  EXPECT_EQ(window.Totals(kEpoch, kNow + 19s).calls, 0);
}

TEST(CallWindowTest, CountsAnewInABucketThatComesAround) {
  CallWindow window(10s);
  Count(window, 5, kNow);
  Count(window, 3, kNow + 10s);

  EXPECT_EQ(window.Totals(kEpoch, kNow + 10s).calls, 3);
}

TEST(CallWindowTest, AnEpochSeesOnlyItsOwn) {
  CallWindow window(10s);
  Count(window, 5, kNow, kEpoch);
  Count(window, 3, kNow, kEpoch + 3);

  EXPECT_EQ(window.Totals(kEpoch + 3, kNow).calls, 3);
  EXPECT_EQ(window.Totals(kEpoch + 4, kNow).calls, 0);
}

TEST(CallWindowTest, WhatComesTooLateIsLost) {
  CallWindow window(10s);
  Count(window, 5, kNow, kEpoch + 1);
  Count(window, 100, kNow, kEpoch);
  Count(window, 100, kNow - 10s, kEpoch + 1);

  EXPECT_EQ(window.Totals(kEpoch + 1, kNow).calls, 5);
}

/// Neither the number of an epoch nor that of a bucket is kept whole.
TEST(CallWindowTest, CountsAcrossTheEndOfItsNumbers) {
  CallWindow window(100ms);
  for (uint64_t epoch = (1 << 14) - 100; epoch < (1 << 14) + 100; ++epoch) {
    const TimePoint now = TimePoint(10ms * int64_t{(1 << 26) - 100} + static_cast<int64_t>(epoch % 200) * 10ms);
    Count(window, 3, now, epoch);
    ASSERT_EQ(window.Totals(epoch, now).calls, 3) << epoch;
  }
}

TEST(CallWindowTest, CountsFromAnyEpochOn) {
  for (uint64_t epoch : {1, (1 << 13) - 1, 1 << 13, (1 << 14) - 1, 1 << 14, (1 << 14) + 1}) {
    CallWindow window(10s);
    Count(window, 3, kNow, epoch);

    EXPECT_EQ(window.Totals(epoch, kNow).calls, 3) << epoch;
  }
}

TEST(CallWindowTest, AWindowThatWasIdleForDaysIsEmpty) {
  CallWindow window(100ms);
  Count(window, 5, kNow);

  for (int day = 1; day <= 30; ++day) {
    ASSERT_EQ(window.Totals(kEpoch, kNow + day * 24h).calls, 0) << day;
    Count(window, 2, kNow + day * 24h);
    ASSERT_EQ(window.Totals(kEpoch, kNow + day * 24h).calls, 2) << day;
  }
}

TEST(CallWindowTest, ThreadsLoseNothing) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 50'000;
  CallWindow window(10s);
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] { Count(window, kCalls, kNow, kEpoch, true); });
  }
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(window.Totals(kEpoch, kNow).calls, kThreads * kCalls);
  EXPECT_EQ(window.Totals(kEpoch, kNow).failures, kThreads * kCalls);
}

}  // namespace
}  // namespace userclient::internal
