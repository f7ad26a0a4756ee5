#include "tests/chaos/verdict.h"

#include <chrono>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace userclient::chaos {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Strictness kFull = Strictness::kFull;
constexpr Strictness kNoTimes = Strictness::kNoTimes;

/// A scenario that has every bar, and what it takes to meet them, just.
struct Case {
  Scenario scenario{.callers = {{.rpc = Rpc::kCreateUser}},
                    .bars = {.p99 = 3, .attempts = 1.2},
                    .shares = {{.of = "the new pod", .at_least = 0.25, .at_most = 0.5}}};
  Measures measures{.timeline = {.fault = 2s, .healed = 8s, .end = 12s, .late = 1s},
                    .healthy = {.calls = 500, .p99 = 15ms},
                    .during = {.calls = 1'000, .failed = 1, .p99 = 45ms},
                    .after = {.calls = 1'000, .failed = 1, .p99 = 45ms},
                    .storm = Attempts{.calls = 1'000, .attempts = 1'300},
                    .recovered = 12s,
                    .overrun = 300ms,
                    .late = 50ms,
                    .losses = {.asked = 100, .expected = 60},
                    .shares = {0.25}};
};

struct Spoiled {
  std::string name{};
  std::function<void(Case&)> spoil{};
  std::string missed{};
  /// What a short run says of it.
  std::optional<std::string> missed_in_short{};
};

std::ostream& operator<<(std::ostream& out, const Spoiled& spoiled) { return out << spoiled.name; }

::testing::Matcher<std::vector<std::string>> IsSaid(const std::optional<std::string>& sentence) {
  if (!sentence) return IsEmpty();
  return ElementsAre(HasSubstr(*sentence));
}

class SpoiledVerdictTest : public ::testing::TestWithParam<Spoiled> {};

TEST(VerdictTest, MissesNothingAtTheBars) {
  const Case met;

  EXPECT_THAT(MissedBars(met.scenario, met.measures, kFull), IsEmpty());
  EXPECT_THAT(MissedBars(met.scenario, met.measures, kNoTimes), IsEmpty());
}

TEST_P(SpoiledVerdictTest, SaysWhatIsMissed) {
  Case spoiled;

  GetParam().spoil(spoiled);

  EXPECT_THAT(MissedBars(spoiled.scenario, spoiled.measures, kFull), ElementsAre(HasSubstr(GetParam().missed)));
}

TEST_P(SpoiledVerdictTest, SaysOfAShortRunWhatTimesCannotSpoil) {
  Case spoiled;

  GetParam().spoil(spoiled);

  EXPECT_THAT(MissedBars(spoiled.scenario, spoiled.measures, kNoTimes), IsSaid(GetParam().missed_in_short));
}

INSTANTIATE_TEST_SUITE_P(
    Bars, SpoiledVerdictTest,
    ::testing::Values(
        Spoiled{"FewFailuresDuringTheFault", [](Case& it) { it.measures.during.failed = 2; }, "after the fault on 99.800 %"},
        Spoiled{"FewFailuresAfterTheHealing", [](Case& it) { it.measures.after.failed = 2; }, "after the healing 99.800 %"},
        Spoiled{"FailuresDuringTheFault", [](Case& it) { it.measures.during.failed = 12; }, "12 of 1000 failed",
                "12 of 1000 failed"},
        Spoiled{"FailuresAfterTheHealing", [](Case& it) { it.measures.after.failed = 12; }, "12 of 1000 failed",
                "12 of 1000 failed"},
        Spoiled{"NoCallsDuringTheFault", [](Case& it) { it.measures.during = {}; }, "fault on there were no calls",
                "fault on there were no calls"},
        Spoiled{"NoCallsAfterTheHealing", [](Case& it) { it.measures.after = {}; }, "healing there were no calls",
                "healing there were no calls"},
        Spoiled{"Storm", [](Case& it) { it.measures.storm->attempts = 1'301; }, "1301 attempts for 1000 calls",
                "1301 attempts for 1000 calls"},
        Spoiled{"UncountedStorm", [](Case& it) { it.measures.storm = std::nullopt; }, "attempts were not counted",
                "attempts were not counted"},
        Spoiled{"TooSmallAShare", [](Case& it) { it.measures.shares = {0.24}; }, "the new pod: 24.0 %", "the new pod: 24.0 %"},
        Spoiled{"TooLargeAShare", [](Case& it) { it.measures.shares = {0.51}; }, "the new pod: 51.0 %", "the new pod: 51.0 %"},
        Spoiled{"NothingToShare", [](Case& it) { it.measures.shares = {std::nullopt}; }, "no attempts of which the new pod",
                "no attempts of which the new pod"},
        Spoiled{"UncountedShare", [](Case& it) { it.measures.shares.clear(); }, "no attempts of which the new pod",
                "no attempts of which the new pod"},
        Spoiled{"Lost", [](Case& it) { it.measures.losses.lost = 1; }, "lost: 1 of 60", "lost: 1 of 60"},
        Spoiled{"Doubled", [](Case& it) { it.measures.losses.doubled = 1; }, "doubled or out of order: 1 of 60",
                "doubled or out of order: 1 of 60"},
        Spoiled{"BrokenOff", [](Case& it) { it.measures.losses.broken_off = "never started"; }, "broke off: never started",
                "broke off: never started"},
        Spoiled{"LittleTriedOut", [](Case& it) { it.measures.losses.expected = 59; }, "too little was tried out"},
        Spoiled{"VeryLittleTriedOut", [](Case& it) { it.measures.losses.expected = 24; }, "24 of 100", "24 of 100"},
        Spoiled{"NothingTriedOut", [](Case& it) { it.measures.losses = {}; }, "to lose any of it: 0 of 0",
                "to lose any of it: 0 of 0"},
        Spoiled{"LateEnd", [](Case& it) { it.measures.late = 51ms; }, "a call ended 51 ms after its deadline"},
        Spoiled{"VeryLateEnd", [](Case& it) { it.measures.late = 501ms; }, "501 ms after its deadline",
                "501 ms after its deadline"},
        Spoiled{"LateStep", [](Case& it) { it.measures.timeline.late = 1'100ms; }, "a step came 1.1 s late"},
        Spoiled{"SlowDuringTheFault", [](Case& it) { it.measures.during.p99 = 46ms; }, "fault on: 46.0 ms, healthy 15.0 ms"},
        Spoiled{"SlowAfterTheHealing", [](Case& it) { it.measures.after.p99 = 46ms; }, "healing: 46.0 ms, healthy 15.0 ms"},
        Spoiled{"BusyMachine", [](Case& it) { it.measures.healthy.p99 = 21ms; }, "too busy to judge p99: healthy 21.0 ms"},
        Spoiled{"NoHealthyCalls", [](Case& it) { it.measures.healthy = {}; }, "no healthy calls"},
        Spoiled{"LateRecovery", [](Case& it) { it.measures.recovered = 13s; }, "full success came 13 s after an outage of 6 s"},
        Spoiled{"NoRecovery", [](Case& it) { it.measures.recovered = std::nullopt; }, "no second of full success"}),
    [](const auto& spoiled) { return spoiled.param.name; });

TEST(VerdictTest, LetsEveryCallFailWhereThereIsNobodyToSucceedWith) {
  Case outage;
  outage.scenario.bars.success = std::nullopt;
  outage.measures.during.failed = outage.measures.during.calls;

  EXPECT_THAT(MissedBars(outage.scenario, outage.measures, kFull), IsEmpty());
}

TEST(VerdictTest, AsksForSuccessAfterAnOutageAllTheSame) {
  Case outage;
  outage.scenario.bars.success = std::nullopt;
  outage.measures.after.failed = 20;

  EXPECT_THAT(MissedBars(outage.scenario, outage.measures, kFull), ElementsAre(HasSubstr("after the healing 98.000 %")));
}

TEST(VerdictTest, AllowsAShortP99WhateverTheHealthyOne) {
  Case quick;
  quick.measures.healthy.p99 = 1ms;
  quick.measures.during.p99 = 30ms;
  quick.measures.after.p99 = 30ms;

  EXPECT_THAT(MissedBars(quick.scenario, quick.measures, kFull), IsEmpty());
}

TEST(VerdictTest, DoesNotAskAShortRunForSuccessInLittleTime) {
  Case impatient;
  impatient.scenario.callers.front().deadline = 200ms;
  impatient.measures.after.failed = 500;

  EXPECT_THAT(MissedBars(impatient.scenario, impatient.measures, kNoTimes), IsEmpty());
  EXPECT_THAT(MissedBars(impatient.scenario, impatient.measures, kFull), ElementsAre(HasSubstr("500 of 1000 failed")));
}

TEST(VerdictTest, DoesNotAskForAHealingThatIsNotInTheScript) {
  Case lasting;
  lasting.measures.timeline.healed = std::nullopt;
  lasting.measures.after = {};
  lasting.measures.recovered = std::nullopt;

  EXPECT_THAT(MissedBars(lasting.scenario, lasting.measures, kFull), IsEmpty());
}

}  // namespace
}  // namespace userclient::chaos
