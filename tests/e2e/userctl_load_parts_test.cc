// The parts of userctl load that need no server.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "userctl/load/call_mix.h"
#include "userctl/load/latency_chart.h"
#include "userctl/load/latency_histogram.h"
#include "userctl/load/load_tally.h"
#include "userctl/load/start_delay.h"
#include "userctl/load/user_ids.h"

namespace userctl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

LatencyHistogram HistogramOf(const std::vector<nanoseconds>& latencies) {
  LatencyHistogram histogram;
  for (const nanoseconds latency : latencies) histogram.Add(latency);
  return histogram;
}

// ---- histogram

TEST(LatencyHistogramTest, GivesPercentilesToThreeDigitsRoundedUp) {
  const LatencyHistogram histogram = HistogramOf({1234us, 2ms, 3ms, 1s});

  EXPECT_EQ(histogram.Percentile(0.25), 1240us);
  EXPECT_EQ(histogram.Percentile(0.5), 2ms);
  EXPECT_EQ(histogram.Percentile(0.75), 3ms);
  EXPECT_EQ(histogram.Percentile(0.76), 1s);
}

TEST(LatencyHistogramTest, NoPercentileIsMoreThanTheLongest) { EXPECT_EQ(HistogramOf({1234567ns}).Percentile(0.99), 1234567ns); }

TEST(LatencyHistogramTest, KeepsTheShortestTheLongestAndTheMeanExactly) {
  const LatencyHistogram histogram = HistogramOf({1001ns, 2002ns, 3003ns});

  EXPECT_EQ(histogram.min(), 1001ns);
  EXPECT_EQ(histogram.max(), 3003ns);
  EXPECT_EQ(histogram.mean(), 2002ns);
  EXPECT_EQ(histogram.count(), 3);
}

TEST(LatencyHistogramTest, CountsUpToARoundLimitExactly) {
  const LatencyHistogram histogram = HistogramOf({0ns, 999ns, 1us, 1001ns, 9990ns, 9991ns, 10us, 10001ns});

  EXPECT_EQ(histogram.CountUpTo(0ns), 1);
  EXPECT_EQ(histogram.CountUpTo(1us), 3);
  EXPECT_EQ(histogram.CountUpTo(10us), 7);
  EXPECT_EQ(histogram.CountUpTo(20us), 8);
}

TEST(LatencyHistogramTest, TellsWhatWasAddedSince) {
  LatencyHistogram histogram = HistogramOf({1s, 2s, 3s});
  const LatencyHistogram earlier = histogram;
  histogram.Add(5ms);
  histogram.Add(7ms);

  const LatencyHistogram since = histogram.Since(earlier);

  EXPECT_EQ(since.count(), 2);
  EXPECT_EQ(since.min(), 5ms);
  EXPECT_EQ(since.max(), 7ms);
  EXPECT_EQ(since.Percentile(0.5), 5ms);
}

TEST(LatencyHistogramTest, EmptyItIsZero) {
  const LatencyHistogram histogram;

  EXPECT_EQ(histogram.count(), 0);
  EXPECT_EQ(histogram.Percentile(0.99), 0ns);
  EXPECT_EQ(histogram.mean(), 0ns);
}

TEST(LatencyHistogramTest, TakesHoursAndSumsUp) {
  LatencyHistogram histogram = HistogramOf({24h});

  histogram.Add(HistogramOf({1ns}));

  EXPECT_EQ(histogram.min(), 1ns);
  EXPECT_EQ(histogram.max(), 24h);
  EXPECT_EQ(histogram.count(), 2);
}

// ---- chart

TEST(LatencyChartTest, HasABarForEveryStepFromTheShortestToTheLongest) {
  const std::vector<LatencyBar> bars = LatencyBars(HistogramOf({900us, 1ms, 8ms}), HistogramOf({9ms}));

  ASSERT_THAT(bars, SizeIs(4));
  EXPECT_EQ(bars[0].limit, 1ms);
  EXPECT_EQ(bars[0].ok, 2);
  EXPECT_EQ(bars[1].limit, 2ms);
  EXPECT_EQ(bars[1].ok, 0);
  EXPECT_EQ(bars[3].limit, 10ms);
  EXPECT_EQ(bars[3].ok, 1);
  EXPECT_EQ(bars[3].failed, 1);
}

TEST(LatencyChartTest, DrawsBarsInProportionAndNoneLongerThanTheLine) {
  LatencyHistogram ok;
  for (int i = 0; i < 400; ++i) ok.Add(1ms);
  for (int i = 0; i < 200; ++i) ok.Add(4ms);

  const std::vector<std::string> lines = absl::StrSplit(DrawLatencies(LatencyBars(ok, HistogramOf({3ms})), 65), '\n');

  ASSERT_THAT(lines, SizeIs(5));
  EXPECT_EQ(lines[1], "      1 ms         400  " + std::string(40, '#'));
  EXPECT_EQ(lines[2], "      2 ms           0");
  EXPECT_EQ(lines[3], "      5 ms         201  " + std::string(20, '#') + "x");
}

TEST(LatencyChartTest, OfNothingThereIsNone) { EXPECT_THAT(DrawLatencies(LatencyBars({}, {}), 80), IsEmpty()); }

TEST(LatencyChartTest, WritesThreeDigits) {
  EXPECT_EQ(LatencyText(1234567ns), "1.23 ms");
  EXPECT_EQ(LatencyText(999600ns), "1 ms");
  EXPECT_EQ(LatencyText(12345678us), "12.3 s");
  EXPECT_EQ(LatencyText(421ns), "0.421 us");
}

// ---- mix

TEST(CallMixTest, TakesTurnsAsEvenlyAsTheWeightsAllow) {
  const absl::StatusOr<CallMix> mix = CallMix::Parse("get=20,create=10");
  ASSERT_TRUE(mix.ok()) << mix.status();

  std::vector<CallKind> kinds;
  for (int64_t number = 0; number < 6; ++number) kinds.push_back(mix->KindOf(number));

  EXPECT_THAT(kinds,
              ElementsAre(CallKind::kGet, CallKind::kCreate, CallKind::kGet, CallKind::kGet, CallKind::kCreate, CallKind::kGet));
}

TEST(CallMixTest, OneCallAloneNeedsNoWeight) {
  const absl::StatusOr<CallMix> mix = CallMix::Parse("list");
  ASSERT_TRUE(mix.ok()) << mix.status();

  EXPECT_EQ(mix->KindOf(7), CallKind::kList);
  EXPECT_EQ(mix->ToText(), "list");
  EXPECT_FALSE(mix->Contains(CallKind::kGet));
}

TEST(CallMixTest, SaysWhatToWrite) {
  for (const std::string wrong : {"", "get=", "get=1.5", "get=1001", "watch", "get,,list"}) {
    const absl::StatusOr<CallMix> mix = CallMix::Parse(wrong);

    EXPECT_TRUE(absl::IsInvalidArgument(mix.status())) << wrong;
    EXPECT_THAT(std::string(mix.status().message()), HasSubstr("as in get=90,create=10"));
  }
}

// ---- ids

TEST(UserIdsTest, ExpandsRangesAndKeepsTheRest) {
  const absl::StatusOr<std::vector<std::string>> ids = ExpandIds({"ada", "u-{9..11}-x", "{0..0}", "{", "}"});
  ASSERT_TRUE(ids.ok()) << ids.status();

  EXPECT_THAT(*ids, ElementsAre("ada", "u-9-x", "u-10-x", "u-11-x", "0", "{", "}"));
}

TEST(UserIdsTest, KeepsTheZerosThatARangeIsWrittenWith) {
  const absl::StatusOr<std::vector<std::string>> ids = ExpandIds({"u-{08..10}", "{0..1}"});
  ASSERT_TRUE(ids.ok()) << ids.status();

  EXPECT_THAT(*ids, ElementsAre("u-08", "u-09", "u-10", "0", "1"));
}

TEST(UserIdsTest, RefusesWhatIsNoRange) {
  for (const std::string wrong : {"{}", "{1}", "{a..b}", "{2..1}", "{-1..1}", "{1..1000001}", "u-{1..2}-{1..2}"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ExpandIds({wrong}).status())) << wrong;
  }
}

// ---- who is late

TEST(StartDelayTest, ALateCallThatHasNotWaitedIsLateByThisMachine) {
  StartDelay delay;

  for (const nanoseconds late : {1us, 7000us, 13000us, 5000us}) delay.NoteBegin(late);

  EXPECT_EQ(delay.latest(), 13ms);
  EXPECT_EQ(delay.latest_by_machine(), 13ms);
  EXPECT_TRUE(delay.machine_is_too_slow());
}

TEST(StartDelayTest, WaitsForRoomAreNotThisMachinesDoing) {
  StartDelay delay;

  delay.NoteWait(50ms);
  delay.NoteBegin(40ms);
  delay.NoteWait(49ms);
  delay.NoteBegin(80ms);

  EXPECT_EQ(delay.latest(), 80ms);
  EXPECT_EQ(delay.latest_by_machine(), 0ms);
  EXPECT_FALSE(delay.machine_is_too_slow());
}

TEST(StartDelayTest, WhatIsSentAfterAWaitToMakeUpForItIsNotThisMachinesDoing) {
  StartDelay delay;

  delay.NoteWait(100ms);
  for (const nanoseconds late : {95ms, 85ms, 75ms}) delay.NoteBegin(late);

  EXPECT_EQ(delay.latest_by_machine(), 0ms);
}

TEST(StartDelayTest, AWaitThatWasMadeUpForExcusesNothingAfterIt) {
  StartDelay delay;

  delay.NoteWait(100ms);
  for (const nanoseconds late : {95ms, 0ms, 30ms}) delay.NoteBegin(late);

  EXPECT_EQ(delay.latest_by_machine(), 30ms);
}

TEST(StartDelayTest, BothCanBeLateAtOnce) {
  StartDelay delay;

  delay.NoteBegin(20ms);
  delay.NoteWait(100ms);
  delay.NoteBegin(125ms);

  EXPECT_EQ(delay.latest(), 125ms);
  EXPECT_EQ(delay.latest_by_machine(), 25ms);
}

// ---- tally

CallOutcome OutcomeWith(absl::Status status, nanoseconds latency, std::vector<userclient::AttemptReport> attempts = {}) {
  CallOutcome outcome{.status = status, .latency = latency};
  outcome.report.code = status.code();
  outcome.report.attempts = std::move(attempts);
  return outcome;
}

TEST(LoadTallyTest, AHedgeThatLostHasNotFailed) {
  LoadTally tally;

  tally.Add(OutcomeWith(absl::OkStatus(), 1ms,
                        {{.peer = "a", .status = absl::CancelledError()},
                         {.reason = userclient::AttemptReason::kHedge, .peer = "b", .status = absl::OkStatus()}}));

  EXPECT_EQ(tally.attempts, 2);
  EXPECT_EQ(tally.further_attempts[userclient::AttemptReason::kHedge], 1);
  EXPECT_EQ(tally.servers["a"].failed, 0);
  EXPECT_EQ(tally.rescued, 0);
}

TEST(LoadTallyTest, KeepsTheSlowestCallAndTheFirstOfEachFailure) {
  LoadTally tally;
  CallOutcome slow = OutcomeWith(absl::NotFoundError("first"), 5s);
  slow.report.compartment = "slow";

  tally.Add(OutcomeWith(absl::OkStatus(), 1s));
  tally.Add(slow);
  tally.Add(OutcomeWith(absl::NotFoundError("second"), 2s));

  EXPECT_EQ(tally.slowest->compartment, "slow");
  EXPECT_EQ(tally.codes[absl::StatusCode::kNotFound].message, "first");
  EXPECT_EQ(tally.CommonestFailure(), absl::StatusCode::kNotFound);
}

TEST(LoadTallyTest, OfTwoFailuresAsCommonTheOneWithTheSmallerNumberCounts) {
  LoadTally tally;

  tally.Add(OutcomeWith(absl::UnavailableError(""), 1ms));
  tally.Add(OutcomeWith(absl::NotFoundError(""), 1ms));

  EXPECT_EQ(tally.CommonestFailure(), absl::StatusCode::kNotFound);
}

TEST(LoadTallyTest, TheAttemptsOfASharedAnswerCountOnce) {
  LoadTally tally;
  CallOutcome shared = OutcomeWith(absl::OkStatus(), 1ms, {{.peer = "a"}});
  tally.Add(shared);
  shared.report.source = userclient::AnswerSource::kShared;

  tally.Add(shared);

  EXPECT_EQ(tally.attempts, 1);
  EXPECT_EQ(tally.substitutes[userclient::AnswerSource::kShared], 1);
}

}  // namespace
}  // namespace userctl
