#include "policy/latency_window.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace userclient::internal {
namespace {

using namespace std::chrono_literals;

const TimePoint kNow = TimePoint(1h);

void Record(LatencyWindow& window, int samples, Duration latency, TimePoint now = kNow) {
  for (int i = 0; i < samples; ++i) window.Record(latency, now);
}

TEST(LatencyWindowTest, HasNoAnswerWithoutSamples) {
  LatencyWindow window(0.95);

  EXPECT_EQ(window.Percentile(kNow), std::nullopt);
}

TEST(LatencyWindowTest, HasNoAnswerFromTooFewSamples) {
  LatencyWindow window(0.95);
  Record(window, 49, 5ms);

  EXPECT_EQ(window.Percentile(kNow), std::nullopt);
}

TEST(LatencyWindowTest, AnswersFromFiftySamplesOn) {
  LatencyWindow window(0.95);
  Record(window, 50, 5ms);

  ASSERT_TRUE(window.Percentile(kNow));
  EXPECT_GE(*window.Percentile(kNow), 5ms);
  EXPECT_LE(*window.Percentile(kNow), 5320us);
}

TEST(LatencyWindowTest, ThePercentileSeparatesTheQuickFromTheSlow) {
  LatencyWindow below(0.94);
  LatencyWindow above(0.96);
  for (LatencyWindow* window : {&below, &above}) {
    Record(*window, 95, 1ms);
    Record(*window, 5, 100ms);
  }

  EXPECT_LT(*below.Percentile(kNow), 2ms);
  EXPECT_GE(*above.Percentile(kNow), 100ms);
}

TEST(LatencyWindowTest, TheMedianOf101IsThe51st) {
  LatencyWindow window(0.5);
  Record(window, 50, 1ms);
  Record(window, 51, 100ms);

  EXPECT_GE(*window.Percentile(kNow), 100ms);
}

TEST(LatencyWindowTest, ErrsByLessThanASixteenthAndNeverBelow) {
  std::mt19937 dice(1);
  for (double percentile : {0.5, 0.9, 0.95, 0.99, 0.999, 1.0}) {
    LatencyWindow window(percentile);
    std::vector<Duration> latencies;
    for (int i = 0; i < 2000; ++i) {
      // From half a microsecond to two minutes.
      latencies.push_back(Duration(static_cast<int64_t>(500 * std::exp2(27.0 * dice() / std::mt19937::max()))));
      window.Record(latencies.back(), kNow);
    }
    std::sort(latencies.begin(), latencies.end());
    const Duration exact = latencies[static_cast<std::size_t>(std::ceil(percentile * 2000)) - 1];

    ASSERT_TRUE(window.Percentile(kNow));
    EXPECT_GE(*window.Percentile(kNow), exact);
    EXPECT_LE(*window.Percentile(kNow), exact * 17 / 16 + 1us);
  }
}

TEST(LatencyWindowTest, TakesAnyLatency) {
  LatencyWindow window(0.5);
  Record(window, 20, -5ms);
  Record(window, 20, 0ns);
  Record(window, 60, Duration::max());

  EXPECT_GE(*window.Percentile(kNow), 30min);
}

TEST(LatencyWindowTest, FollowsTheServiceWithinAMinute) {
  LatencyWindow window(0.95);
  Record(window, 1000, 1ms, kNow);
  Record(window, 1000, 50ms, kNow + 30s);
  Record(window, 1000, 50ms, kNow + 60s);

  EXPECT_GE(*window.Percentile(kNow + 30s), 50ms);
  window.Record(2ms, kNow + 90s);
  Record(window, 1000, 2ms, kNow + 90s);
  Record(window, 1000, 2ms, kNow + 120s);
  EXPECT_LT(*window.Percentile(kNow + 120s), 3ms);
}

TEST(LatencyWindowTest, StillHasThePeriodBefore) {
  LatencyWindow window(0.95);
  Record(window, 100, 5ms, kNow);

  EXPECT_TRUE(window.Percentile(kNow + 59s));
}

TEST(LatencyWindowTest, ForgetsWhatIsTooOld) {
  LatencyWindow window(0.95);
  Record(window, 100, 5ms, kNow);

  EXPECT_EQ(window.Percentile(kNow + 60s), std::nullopt);
}

TEST(LatencyWindowTest, RenewsItsAnswerOnceASecond) {
  LatencyWindow window(0.95);
  Record(window, 100, 5ms);
  const std::optional<Duration> first = window.Percentile(kNow);
  Record(window, 1000, 50ms);

  EXPECT_EQ(window.Percentile(kNow + 1s - 1ns), first);
  EXPECT_GE(*window.Percentile(kNow + 1s), 50ms);
}

TEST(LatencyWindowTest, AnotherPercentileHasTheSameSamples) {
  LatencyWindow window(0.95);
  Record(window, 90, 5ms);
  Record(window, 10, 50ms);
  ASSERT_GE(*window.Percentile(kNow), 50ms);

  window.SetPercentile(0.5);

  EXPECT_LT(*window.Percentile(kNow), 6ms);
}

TEST(LatencyWindowTest, ALateThreadDoesNotBringBackThePast) {
  LatencyWindow window(0.95);
  Record(window, 100, 5ms, kNow + 60s);
  Record(window, 10'000, 1s, kNow);

  EXPECT_LT(*window.Percentile(kNow + 60s), 6ms);
}

TEST(LatencyWindowTest, ThreadsRecordAndAskAcrossRotations) {
  LatencyWindow window(0.95);
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50'000; ++i) {
        const TimePoint now = kNow + i * 10ms;
        window.Record(5ms, now);
        const std::optional<Duration> answer = window.Percentile(now);
        if (answer && (*answer < 5ms || *answer > 6ms)) ADD_FAILURE() << answer->count();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  EXPECT_TRUE(window.Percentile(kNow + 501s));
}

}  // namespace
}  // namespace userclient::internal
