#include "userclient/server/fault_injector.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/status_matchers.h"

namespace userclient {
namespace {

using ::testing::ElementsAre;
using testing::HasCode;
using testing::IsOk;

/// For each attempt where its fault was asked for; "-" for none.
std::vector<std::string> SourcesOf(FaultInjector& injector, std::string_view method, int attempts) {
  std::vector<std::string> sources;
  for (int i = 0; i < attempts; ++i) {
    const std::optional<FaultInjector::Injection> injection = injector.Next(method);
    sources.push_back(injection ? injection->source : "-");
  }
  return sources;
}

TEST(FaultInjectorTest, IsHealthyUntilToldOtherwise) {
  FaultInjector injector;

  EXPECT_THAT(SourcesOf(injector, "GetUser", 2), ElementsAre("-", "-"));
}

TEST(FaultInjectorTest, ScriptIsConsumedStepByStepAndThenOver) {
  FaultInjector injector;
  ASSERT_THAT(injector.Set(R"({"faults": [{"method": "GetUser", "script": [{"hang": true, "times": 2}, {"ok": true}]}]})"),
              IsOk());

  EXPECT_THAT(SourcesOf(injector, "ListUsers", 1), ElementsAre("-"));
  EXPECT_THAT(SourcesOf(injector, "GetUser", 4),
              ElementsAre("faults[0].script[0]", "faults[0].script[0]", "faults[0].script[1]", "-"));
}

TEST(FaultInjectorTest, SaysHowManyAttemptsItsScriptsAreStillFor) {
  FaultInjector injector;
  ASSERT_THAT(injector.Set(R"({"faults": [
      {"method": "GetUser", "script": [{"hang": true, "times": 3}, {"ok": true}]},
      {"method": "GetUser", "script": [{"ok": true}]},
      {"method": "GetUser", "hang": true, "times": 7},
      {"method": "ListUsers", "repeat": true, "script": [{"ok": true}]}]})"),
              IsOk());

  EXPECT_EQ(injector.StepsLeft("GetUser").value(), 5);
  SourcesOf(injector, "GetUser", 2);
  EXPECT_EQ(injector.StepsLeft("GetUser").value(), 3);
  SourcesOf(injector, "GetUser", 5);
  EXPECT_EQ(injector.StepsLeft("GetUser").value(), 0);
  EXPECT_EQ(injector.StepsLeft("ListUsers").value(), std::nullopt);
  EXPECT_EQ(injector.StepsLeft("*").value(), 0);
  EXPECT_THAT(injector.StepsLeft("GetUsr"), HasCode(absl::StatusCode::kInvalidArgument));
}

TEST(FaultInjectorTest, RepeatedScriptBeginsAgain) {
  FaultInjector injector;
  ASSERT_THAT(injector.Set(R"({"faults": [{"method": "*", "repeat": true, "script": [{"hang": true}, {"ok": true}]}]})"), IsOk());

  EXPECT_THAT(SourcesOf(injector, "GetUser", 3),
              ElementsAre("faults[0].script[0]", "faults[0].script[1]", "faults[0].script[0]"));
  EXPECT_THAT(SourcesOf(injector, "CreateUser", 1), ElementsAre("faults[0].script[1]"));
}

TEST(FaultInjectorTest, FirstEntryThatAppliesWins) {
  FaultInjector injector;
  ASSERT_THAT(
      injector.Set(
          R"({"faults": [{"method": "GetUser", "hang": true, "times": 1}, {"method": "*", "throw": true, "probability": 1.0}]})"),
      IsOk());

  EXPECT_THAT(SourcesOf(injector, "GetUser", 2), ElementsAre("faults[0]", "faults[1]"));
}

TEST(FaultInjectorTest, SameSeedGivesTheSameSequence) {
  FaultInjector one;
  FaultInjector same;
  FaultInjector other;
  const std::string entry = R"(, "faults": [{"method": "*", "hang": true, "probability": 0.5}]})";
  ASSERT_THAT(one.Set(R"({"seed": 7)" + entry), IsOk());
  ASSERT_THAT(same.Set(R"({"seed": 7)" + entry), IsOk());
  ASSERT_THAT(other.Set(R"({"seed": 8)" + entry), IsOk());

  const std::vector<std::string> sequence = SourcesOf(one, "GetUser", 100);

  EXPECT_EQ(SourcesOf(same, "GetUser", 100), sequence);
  EXPECT_NE(SourcesOf(other, "GetUser", 100), sequence);
}

TEST(FaultInjectorTest, ProbabilityIsMetInTheLongRun) {
  FaultInjector injector;
  ASSERT_THAT(injector.Set(R"({"seed": 1, "faults": [{"method": "*", "hang": true, "probability": 0.3}]})"), IsOk());

  const std::vector<std::string> sources = SourcesOf(injector, "GetUser", 10000);

  // Three standard deviations of a binomial distribution are 137.
  EXPECT_NEAR(static_cast<double>(std::count(sources.begin(), sources.end(), "faults[0]")), 3000, 137);
}

TEST(FaultInjectorTest, ProbabilitiesZeroAndOneAreExact) {
  FaultInjector injector;
  ASSERT_THAT(injector.Set(
                  R"({"faults": [{"method": "GetUser", "hang": true, "probability": 0},
                                   {"method": "ListUsers", "hang": true, "probability": 1}]})"),
              IsOk());

  EXPECT_THAT(SourcesOf(injector, "GetUser", 1000), ::testing::Each("-"));
  EXPECT_THAT(SourcesOf(injector, "ListUsers", 1000), ::testing::Each("faults[1]"));
}

TEST(FaultInjectorTest, WrongTextChangesNothing) {
  FaultInjector injector;
  ASSERT_THAT(injector.Set(R"({"faults": [{"method": "*", "hang": true}]})"), IsOk());

  EXPECT_THAT(injector.Set(R"({"faults": [{"method": "*", "hnag": true}]})"), HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(SourcesOf(injector, "GetUser", 1), ElementsAre("faults[0]"));
}

TEST(FaultInjectorTest, EmptyObjectHeals) {
  FaultInjector injector;
  ASSERT_THAT(injector.Set(R"({"faults": [{"method": "*", "hang": true}]})"), IsOk());

  ASSERT_THAT(injector.Set("{}"), IsOk());

  EXPECT_THAT(SourcesOf(injector, "GetUser", 1), ElementsAre("-"));
}

TEST(FaultInjectorTest, ScriptReplacesWhatWasSetForItsMethodAlone) {
  FaultInjector injector;
  ASSERT_THAT(injector.Set(R"({"faults": [{"method": "GetUser", "hang": true}, {"method": "*", "throw": true}]})"), IsOk());

  ASSERT_THAT(injector.Script("GetUser", {{.status = absl::StatusCode::kAborted}}), IsOk());

  EXPECT_THAT(SourcesOf(injector, "GetUser", 2), ElementsAre("GetUser.script[0]", "faults[1]"));
}

TEST(FaultInjectorTest, ImpossibleScriptIsRefused) {
  FaultInjector injector;

  EXPECT_THAT(injector.Script("DropUser", {{.hang = true}}), HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(injector.Script("GetUser", {}), HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(injector.Script("GetUser", {{.status = absl::StatusCode::kOk}}), HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(injector.Script("GetUser", {{.hang = true, .throws = true}}), HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(injector.Script("GetUser", {{.hang = true, .after = 1}}), HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(injector.Script("WatchUsers", {{.hang = true, .after = -1}}), HasCode(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace userclient
