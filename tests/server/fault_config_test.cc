#include "server/fault_config.h"

#include <ostream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/status_matchers.h"

namespace userclient::internal {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::IsError;
using testing::IsOk;
using ::testing::Pair;
using ::testing::SizeIs;

TEST(FaultConfigTest, ReadsEveryKeyOfAFault) {
  const absl::StatusOr<FaultConfig> config = ParseFaultConfig(R"({"seed": 7, "faults": [
    {"method": "GetUser", "probability": 0.25, "times": 3, "delay": "0.15s", "headers": true, "status": "RESOURCE_EXHAUSTED",
     "message": "slow down", "pushback": "1.5s", "metadata": {"x-cause": "test"},
     "details": [{"field": "user_id", "description": "odd"}]}]})");

  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->seed, 7u);
  ASSERT_THAT(config->entries, SizeIs(1));
  const FaultEntry& entry = config->entries[0];
  EXPECT_EQ(entry.method, "GetUser");
  EXPECT_EQ(entry.probability, 0.25);
  EXPECT_EQ(entry.times, 3);
  EXPECT_FALSE(entry.is_script);
  ASSERT_THAT(entry.steps, SizeIs(1));
  const Fault& fault = entry.steps[0];
  EXPECT_EQ(fault.delay, 150ms);
  EXPECT_TRUE(fault.headers);
  EXPECT_EQ(fault.status, absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(fault.message, "slow down");
  EXPECT_EQ(fault.pushback_ms, 1500);
  EXPECT_THAT(fault.metadata, ElementsAre(Pair("x-cause", "test")));
  EXPECT_THAT(fault.violations, ElementsAre(Pair("user_id", "odd")));
}

TEST(FaultConfigTest, ReadsAScript) {
  const absl::StatusOr<FaultConfig> config = ParseFaultConfig(R"({"faults": [{"method": "*", "repeat": true, "script": [
    {"status": "UNAVAILABLE", "pushback": "stop", "times": 2}, {"hang": true}, {"throw": true}, {"garbage": true},
    {"ok": true}]}]})");

  ASSERT_THAT(config, IsOk());
  const FaultEntry& entry = config->entries[0];
  EXPECT_TRUE(entry.is_script);
  EXPECT_TRUE(entry.repeat);
  ASSERT_THAT(entry.steps, SizeIs(5));
  EXPECT_EQ(entry.steps[0].times, 2);
  EXPECT_EQ(entry.steps[0].pushback_ms, -1);
  EXPECT_TRUE(entry.steps[1].hang);
  EXPECT_TRUE(entry.steps[2].throws);
  EXPECT_TRUE(entry.steps[3].garbage);
  EXPECT_FALSE(entry.steps[4].status.has_value());
}

TEST(FaultConfigTest, EmptyObjectMeansHealthy) {
  const absl::StatusOr<FaultConfig> config = ParseFaultConfig("{}");

  ASSERT_THAT(config, IsOk());
  EXPECT_THAT(config->entries, IsEmpty());
}

struct Mistake {
  std::string json;
  std::string message;
};

void PrintTo(const Mistake& mistake, std::ostream* out) { *out << mistake.json; }

class FaultConfigMistakeTest : public ::testing::TestWithParam<Mistake> {};

TEST_P(FaultConfigMistakeTest, IsRefusedWithItsPath) {
  EXPECT_THAT(ParseFaultConfig(GetParam().json), IsError(absl::StatusCode::kInvalidArgument, GetParam().message));
}

std::string Entry(const std::string& keys) { return R"({"faults": [{"method": "GetUser", )" + keys + "}]}"; }
std::string ScriptOf(const std::string& step) { return Entry(R"("script": [)" + step + "]"); }

INSTANTIATE_TEST_SUITE_P(Shape, FaultConfigMistakeTest,
                         ::testing::Values(Mistake{"[]", "must be an object"}, Mistake{"{\"faultz\": []}", "faultz: unknown key"},
                                           Mistake{"{\"faults\": {}}", "faults: must be a list"},
                                           Mistake{"{\"seed\": -1}", "seed: must be a whole number, not negative"},
                                           Mistake{"{\"seed\": 1.5}", "seed: must be a whole number, not negative"},
                                           Mistake{"{\"seed\": 1, \"seed\": 2}", "the key \"seed\" is there twice"},
                                           Mistake{"{\"faults\": [7]}", "faults[0]: must be an object"},
                                           Mistake{"{\"faults\": [{\"hang\": true}]}", "faults[0].method: is missing"},
                                           Mistake{"{\"faults\": [{\"method\": 7, \"hang\": true}]}",
                                                   "faults[0].method: must be a string"},
                                           Mistake{"{\"faults\": [{\"method\": \"DropUser\", \"hang\": true}]}",
                                                   "faults[0].method: \"DropUser\" is no method that can be made to fail: "
                                                   "\"GetUser\", \"ListUsers\", \"CreateUser\", \"StreamActivity\", "
                                                   "\"BatchCreateUsers\", \"WatchUsers\", \"LookupUsers\" or \"*\""}));

INSTANTIATE_TEST_SUITE_P(
    Chance, FaultConfigMistakeTest,
    ::testing::Values(Mistake{Entry(R"("hang": true, "probabilty": 0.5)"), "faults[0].probabilty: unknown key"},
                      Mistake{Entry(R"("hang": true, "probability": 1.5)"), "faults[0].probability: must be from 0 to 1"},
                      Mistake{Entry(R"("hang": true, "probability": -0.1)"), "faults[0].probability: must be from 0 to 1"},
                      Mistake{Entry(R"("hang": true, "probability": "0.5")"), "faults[0].probability: must be a number"},
                      Mistake{Entry(R"("hang": true, "times": 0)"), "faults[0].times: must be a whole number from 1 to 1000000"},
                      Mistake{Entry(R"("hang": true, "times": 18446744073709551615)"),
                              "faults[0].times: must be a whole number from 1 to 1000000"},
                      Mistake{Entry(R"("hang": true, "repeat": true)"), "faults[0].repeat: unknown key"},
                      Mistake{Entry(R"("ok": true)"), "faults[0].ok: unknown key"},
                      Mistake{Entry(R"("probability": 0.5)"),
                              "faults[0]: says nothing; an attempt that goes well is {\"ok\": true}"}));

INSTANTIATE_TEST_SUITE_P(
    Fault, FaultConfigMistakeTest,
    ::testing::Values(
        Mistake{ScriptOf(R"({"hang": "yes"})"), "faults[0].script[0].hang: must be true or false"},
        Mistake{ScriptOf(R"({"status": "NOPE"})"),
                "faults[0].script[0].status: \"NOPE\" is no gRPC status code, like \"UNAVAILABLE\""},
        Mistake{ScriptOf(R"({"status": 14})"), "faults[0].script[0].status: must be a string"},
        Mistake{ScriptOf(R"({"status": "OK"})"), "faults[0].script[0]: a status of OK is no fault; leave it out"},
        Mistake{ScriptOf(R"({"delay": "100ms"})"), "faults[0].script[0].delay: must be a duration in seconds, like \"0.25s\""},
        Mistake{ScriptOf(R"({"delay": "-1s"})"), "faults[0].script[0].delay: must be a duration in seconds, like \"0.25s\""},
        Mistake{ScriptOf(R"({"delay": "86401s"})"), "faults[0].script[0].delay: must be at most 86400s"},
        Mistake{ScriptOf(R"({"status": "UNAVAILABLE", "pushback": "soon"})"),
                "faults[0].script[0].pushback: must be \"stop\" or a duration in seconds, like \"0.25s\""},
        Mistake{ScriptOf(R"({"status": "UNAVAILABLE", "pushback": "0.0001s"})"),
                "faults[0].script[0].pushback: must be whole milliseconds"},
        Mistake{ScriptOf(R"({"ok": true, "metadata": {"Upper": "x"}})"),
                "faults[0].script[0].metadata.Upper: is not a name of metadata: lower-case letters, digits, '-', '_' and '.'"},
        Mistake{ScriptOf(R"({"ok": true, "metadata": {"grpc-status": "0"}})"),
                "faults[0].script[0].metadata.grpc-status: is reserved for gRPC"},
        Mistake{ScriptOf(R"({"ok": true, "metadata": {"a": "line\nline"}})"),
                "faults[0].script[0].metadata.a: must be printable ASCII (a name that ends in -bin takes any bytes)"},
        Mistake{ScriptOf(R"({"ok": true, "metadata": {"a": 1}})"), "faults[0].script[0].metadata.a: must be a string"},
        Mistake{ScriptOf(R"({"status": "INVALID_ARGUMENT", "details": [{"feld": "x"}]})"),
                "faults[0].script[0].details[0].feld: unknown key"},
        Mistake{ScriptOf(R"({"hang": true, "status": "UNAVAILABLE"})"),
                "faults[0].script[0]: can end in one way only: status, hang, throw, garbage, drop or never_half_close"},
        Mistake{ScriptOf(R"({"hang": true, "delay": "1s"})"),
                "faults[0].script[0]: what hangs sends no trailers and needs no delay"},
        Mistake{ScriptOf(R"({"message": "x"})"), "faults[0].script[0]: message and details need a status"},
        Mistake{ScriptOf(R"({"ok": true, "throw": true})"), "faults[0].script[0]: \"ok\" goes with no other end"},
        Mistake{ScriptOf(R"({})"), "faults[0].script[0]: says nothing; an attempt that goes well is {\"ok\": true}"},
        Mistake{ScriptOf(R"({"ok": true, "probability": 1})"), "faults[0].script[0].probability: unknown key"},
        Mistake{Entry(R"("script": [])"), "faults[0].script: must be a list with at least one step"},
        Mistake{Entry(R"("script": [{"ok": true}], "hang": true)"), "faults[0].hang: unknown key"}));

std::string StreamEntry(const std::string& keys) { return R"({"faults": [{"method": "WatchUsers", )" + keys + "}]}"; }
constexpr char kOfStreams[] =
    "faults[0]: after, slow and never_half_close are for one method that streams: \"StreamActivity\", \"BatchCreateUsers\", "
    "\"WatchUsers\", \"LookupUsers\"";

INSTANTIATE_TEST_SUITE_P(
    Stream, FaultConfigMistakeTest,
    ::testing::Values(
        Mistake{Entry(R"("hang": true, "after": 1)"), kOfStreams}, Mistake{Entry(R"("slow": "1s")"), kOfStreams},
        Mistake{Entry(R"("never_half_close": true)"), kOfStreams},
        Mistake{R"({"faults": [{"method": "*", "never_half_close": true}]})", kOfStreams},
        Mistake{StreamEntry(R"("after": 1)"), "faults[0]: after needs an end: status, hang, throw, garbage or drop"},
        Mistake{StreamEntry(R"("after": 0, "drop": true)"), "faults[0].after: must be a whole number from 1 to 1000000000"},
        Mistake{StreamEntry(R"("after": 1, "never_half_close": true)"),
                "faults[0]: after needs an end: status, hang, throw, garbage or drop"},
        Mistake{StreamEntry(R"("drop": true, "hang": true)"),
                "faults[0]: can end in one way only: status, hang, throw, garbage, drop or never_half_close"},
        Mistake{StreamEntry(R"("drop": true, "pushback": "1s")"), "faults[0]: what is dropped or never ends sends no trailers"},
        Mistake{StreamEntry(R"("slow": "-1s")"), "faults[0].slow: must be a duration in seconds, like \"0.25s\""}));

TEST(FaultConfigTest, ReadsWhatIsForStreams) {
  const absl::StatusOr<FaultConfig> config = ParseFaultConfig(R"({"faults": [
    {"method": "WatchUsers", "after": 3, "drop": true, "slow": "0.01s"},
    {"method": "LookupUsers", "script": [{"never_half_close": true}, {"after": 2, "delay": "1s", "hang": true}]}]})");

  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->entries[0].steps[0].after, 3);
  EXPECT_TRUE(config->entries[0].steps[0].drop);
  EXPECT_EQ(config->entries[0].steps[0].slow, 10ms);
  EXPECT_TRUE(config->entries[1].steps[0].never_half_close);
  EXPECT_EQ(config->entries[1].steps[1].after, 2);
}

TEST(FaultConfigTest, ReportsEveryMistakeAtOnce) {
  EXPECT_THAT(ParseFaultConfig(R"({"sed": 1, "faults": [{"method": "GetUser", "probability": 2, "hang": 1}]})"),
              IsError(absl::StatusCode::kInvalidArgument,
                      "sed: unknown key\nfaults[0].probability: must be from 0 to 1\nfaults[0].hang: must be true or false"));
}

TEST(FaultConfigTest, TextThatIsNoJsonIsRefusedWithThePlace) {
  EXPECT_THAT(ParseFaultConfig("{\"faults\": [}"),
              IsError(absl::StatusCode::kInvalidArgument, ::testing::HasSubstr("line 1, column 13")));
  EXPECT_THAT(ParseFaultConfig(""), IsError(absl::StatusCode::kInvalidArgument, ::testing::StartsWith("not JSON: ")));
  EXPECT_THAT(ParseFaultConfig(std::string(100000, '[')),
              IsError(absl::StatusCode::kInvalidArgument, ::testing::StartsWith("not JSON: ")));
}

}  // namespace
}  // namespace userclient::internal
