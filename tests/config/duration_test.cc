#include "config/duration.h"

#include <chrono>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "tests/config/test_name.h"

namespace userclient::internal {
namespace {

using namespace std::chrono_literals;

struct GoodDuration {
  std::string text;
  std::chrono::nanoseconds value;

  // Also in the names that ctest shows: nothing but letters.
  friend void PrintTo(const GoodDuration& tested, std::ostream* out) { *out << TestName(tested.text, tested.text.size()); }
};

class GoodDurationTest : public ::testing::TestWithParam<GoodDuration> {};

TEST_P(GoodDurationTest, IsRead) {
  const absl::StatusOr<std::chrono::nanoseconds> duration = ParseDuration(GetParam().text);

  ASSERT_TRUE(duration.ok()) << duration.status();
  EXPECT_EQ(*duration, GetParam().value);
}

TEST_P(GoodDurationTest, IsReadBackFromWhatIsWritten) {
  const std::string written = FormatDuration(GetParam().value);

  const absl::StatusOr<std::chrono::nanoseconds> duration = ParseDuration(written);

  ASSERT_TRUE(duration.ok()) << duration.status();
  EXPECT_EQ(*duration, GetParam().value);
}

INSTANTIATE_TEST_SUITE_P(Duration, GoodDurationTest,
                         ::testing::Values(GoodDuration{"0s", 0ns}, GoodDuration{"0.0s", 0ns}, GoodDuration{"1s", 1s},
                                           GoodDuration{"007s", 7s}, GoodDuration{"0.05s", 50ms}, GoodDuration{"1.5s", 1500ms},
                                           GoodDuration{"0.000000001s", 1ns}, GoodDuration{"1.100000000s", 1100ms},
                                           GoodDuration{"3600s", 1h},
                                           GoodDuration{"3153600000s", std::chrono::hours(24 * 365 * 100)}),
                         [](const auto& tested) { return TestName(tested.param.text, tested.index); });

struct BadDuration {
  std::string text;
  std::string error;

  // Also in the names that ctest shows: nothing but letters.
  friend void PrintTo(const BadDuration& tested, std::ostream* out) { *out << TestName(tested.error, tested.error.size()); }
};

class BadDurationTest : public ::testing::TestWithParam<BadDuration> {};

TEST_P(BadDurationTest, IsRefused) {
  const absl::StatusOr<std::chrono::nanoseconds> duration = ParseDuration(GetParam().text);

  EXPECT_EQ(duration.status(), absl::InvalidArgumentError(GetParam().error));
}

INSTANTIATE_TEST_SUITE_P(
    Duration, BadDurationTest,
    ::testing::Values(
        BadDuration{"", R"(must be a duration, not ""; write seconds with an 's', such as "0.5s")"},
        BadDuration{"s", R"(must be a duration, not "s"; write seconds with an 's', such as "0.5s")"},
        BadDuration{".s", R"(must be a duration, not ".s"; write seconds with an 's', such as "0.5s")"},
        BadDuration{"soon", R"(must be a duration, not "soon"; write seconds with an 's', such as "0.5s")"},
        BadDuration{"1e3s", R"(must be a duration, not "1e3s"; write seconds with an 's', such as "0.5s")"},
        BadDuration{"infinite", R"(must be a duration, not "infinite"; write seconds with an 's', such as "0.5s")"},
        BadDuration{"1", R"(must be a duration, not "1"; write "1s")"},
        BadDuration{".1s", R"(must be a duration, not ".1s"; write "0.1s")"},
        BadDuration{"1.s", R"(must be a duration, not "1.s"; write "1s")"},
        BadDuration{"+1s", R"(must be a duration, not "+1s"; write "1s")"},
        BadDuration{" 1 s ", R"(must be a duration, not " 1 s "; write "1s")"},
        BadDuration{"1S", R"(must be a duration, not "1S"; write "1s")"},
        BadDuration{"100ms", R"(must be a duration, not "100ms"; write "0.1s")"},
        BadDuration{"1.5ms", R"(must be a duration, not "1.5ms"; write "0.0015s")"},
        BadDuration{"20us", R"(must be a duration, not "20us"; write "0.00002s")"},
        BadDuration{"7ns", R"(must be a duration, not "7ns"; write "0.000000007s")"},
        BadDuration{"0.5ns", R"(must be a duration, not "0.5ns"; write seconds with an 's', such as "0.5s")"},
        BadDuration{"1.5m", R"(must be a duration, not "1.5m"; write "90s")"},
        BadDuration{"1h", R"(must be a duration, not "1h"; write "3600s")"},
        BadDuration{"99999999999h", R"(must be a duration, not "99999999999h"; write seconds with an 's', such as "0.5s")"},
        BadDuration{"-1s", R"(must not be negative, as "-1s" is)"}, BadDuration{"-0s", R"(must not be negative, as "-0s" is)"},
        BadDuration{"0.0000000001s", R"(must have at most 9 decimals, not as many as "0.0000000001s")"},
        BadDuration{"3153600000.000000001s", R"(must be at most "3153600000s" (100 years), not "3153600000.000000001s")"},
        BadDuration{"9223372037s", R"(must be at most "3153600000s" (100 years), not "9223372037s")"},
        BadDuration{"99999999999999999999999s", R"(must be at most "3153600000s" (100 years), not "99999999999999999999999s")"}),
    [](const auto& tested) { return TestName(tested.param.error, tested.index); });

}  // namespace
}  // namespace userclient::internal
