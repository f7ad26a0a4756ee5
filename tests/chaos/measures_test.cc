#include "tests/chaos/measures.h"

#include <chrono>
#include <vector>

#include "gtest/gtest.h"

namespace userclient::chaos {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

/// 100 calls a second for 20 s, each of 5 ms.
std::vector<CallRecord> QuickCalls() {
  std::vector<CallRecord> calls;
  for (nanoseconds due{}; due < 20s; due += 10ms) calls.push_back({.due = due, .began = due, .ended = due + 5ms});
  return calls;
}

/// All calls that are due in that time.
void Fail(std::vector<CallRecord>& calls, nanoseconds from, nanoseconds to) {
  for (CallRecord& call : calls) {
    if (from <= call.due && call.due < to) call.code = absl::StatusCode::kUnavailable;
  }
}

void Delay(std::vector<CallRecord>& calls, nanoseconds from, nanoseconds to, nanoseconds by) {
  for (CallRecord& call : calls) {
    if (from <= call.due && call.due < to) call.ended += by;
  }
}

constexpr Timeline kFaultFrom3To8 = {.fault = 3s, .healed = 8s, .end = 20s};

Measures MeasuresOfReads(const std::vector<CallRecord>& calls, const Timeline& timeline = kFaultFrom3To8,
                         const Scenario& scenario = {}) {
  return MeasuresOf(scenario, timeline, {{.records = calls}}, {});
}

TEST(MeasuresTest, CountsEachTimeByItself) {
  const Measures measures = MeasuresOfReads(QuickCalls());

  EXPECT_EQ(measures.all.calls, 2'000);
  EXPECT_EQ(measures.healthy.calls, 250);
  EXPECT_EQ(measures.since_fault.calls, 1'700);
  EXPECT_EQ(measures.during.calls, 400);
  EXPECT_EQ(measures.after.calls, 1'200);
  EXPECT_EQ(measures.seconds.size(), 20U);
}

TEST(MeasuresTest, DoesNotThinTheFaultWithTheTimeAfterIt) {
  std::vector<CallRecord> calls = QuickCalls();
  Fail(calls, 7s, 8s);
  Delay(calls, 7s, 8s, 1s);

  const Measures measures = MeasuresOfReads(calls);

  EXPECT_EQ(measures.during.success(), 0.75);
  EXPECT_EQ(measures.during.p99, 1'005ms);
  EXPECT_EQ(measures.after.success(), 1);
  EXPECT_EQ(measures.after.p99, 5ms);
}

TEST(MeasuresTest, DoesNotThinTheTimeAfterTheFaultWithTheFault) {
  std::vector<CallRecord> calls = QuickCalls();
  Fail(calls, 14s, 20s);

  const Measures measures = MeasuresOfReads(calls);

  EXPECT_EQ(measures.during.success(), 1);
  EXPECT_EQ(measures.after.success(), 0.5);
}

TEST(MeasuresTest, LeavesOutTheFirstSecondAfterAFault) {
  std::vector<CallRecord> calls = QuickCalls();
  Fail(calls, 3s, 4s);

  EXPECT_EQ(MeasuresOfReads(calls).during.failed, 0);
}

TEST(MeasuresTest, JudgesFromTheBeginningWhereNothingHappens) {
  std::vector<CallRecord> calls = QuickCalls();
  Fail(calls, 0s, 1s);

  const Measures measures = MeasuresOfReads(calls, {.end = 20s});

  EXPECT_EQ(measures.during.failed, 100);
  EXPECT_EQ(measures.during.calls, 2'000);
  EXPECT_EQ(measures.after.calls, 0);
}

TEST(MeasuresTest, HasNoSuccessWithoutCalls) {
  const Measures measures = MeasuresOfReads({});

  EXPECT_EQ(measures.during.calls, 0);
  EXPECT_EQ(measures.during.success(), 0);
  EXPECT_EQ(measures.recovered, std::nullopt);
}

TEST(MeasuresTest, RecoversInTheFirstSecondOfFullSuccess) {
  std::vector<CallRecord> calls = QuickCalls();
  Fail(calls, 3s, 9'500ms);

  EXPECT_EQ(MeasuresOfReads(calls).recovered, 2s);
}

TEST(MeasuresTest, DoesNotRecoverInPartsOfSeconds) {
  std::vector<CallRecord> calls = QuickCalls();
  for (nanoseconds second = 8s; second < 20s; second += 1s) Fail(calls, second, second + 10ms);

  EXPECT_EQ(MeasuresOfReads(calls).recovered, std::nullopt);
}

TEST(MeasuresTest, FindsFlappingAfterTheFirstGoodSecondOfAnOutage) {
  std::vector<CallRecord> calls = QuickCalls();
  Fail(calls, 3s, 10s);
  Fail(calls, 19s, 20s);
  const Scenario outage{.bars = {.success = {}}};

  const Measures measures = MeasuresOfReads(calls, kFaultFrom3To8, outage);

  EXPECT_EQ(measures.recovered, 2s);
  EXPECT_EQ(measures.after.calls, 200) << "from twice 5 s after the healing on";
  EXPECT_EQ(measures.after.failed, 100);
}

TEST(MeasuresTest, FindsTheLatestEndOfAllCallers) {
  std::vector<CallRecord> impatient = QuickCalls();
  Delay(impatient, 5s, 5'010ms, 300ms);
  const std::vector<Calls> calls = {{.records = QuickCalls()},
                                    {.callers = {.deadline = 50ms, .disturbing = true}, .records = impatient}};

  const Measures measures = MeasuresOf({}, kFaultFrom3To8, calls, {});

  EXPECT_EQ(measures.overrun, 255ms);
  EXPECT_EQ(measures.late, 255ms);
  EXPECT_EQ(measures.all.calls, 2'000) << "the disturbing ones are in nothing else";
  EXPECT_EQ(measures.attempts.calls, 4'000);
}

TEST(MeasuresTest, ForgivesALateEndOnlyWhatTheMachineStoodStillThen) {
  std::vector<CallRecord> impatient = QuickCalls();
  Delay(impatient, 5s, 5'010ms, 300ms);
  const std::vector<Calls> calls = {{.callers = {.deadline = 50ms}, .records = impatient}};
  const std::vector<Stall> stalls = {{.from = 2s, .to = 3s}, {.from = 5'100ms, .to = 5'140ms}, {.from = 9s, .to = 11s}};

  const Measures measures = MeasuresOf({}, kFaultFrom3To8, calls, stalls);

  EXPECT_EQ(measures.overrun, 255ms);
  EXPECT_EQ(measures.late, 215ms);
  EXPECT_EQ(measures.stall, 2s);
}

TEST(MeasuresTest, CountsCallsByWhenTheyWereDue) {
  const std::vector<Calls> calls = {{.records = QuickCalls()}, {.callers = {.disturbing = true}, .records = QuickCalls()}};

  EXPECT_EQ(CountDue(calls, 3s, 13s), 2'000);
}

}  // namespace
}  // namespace userclient::chaos
