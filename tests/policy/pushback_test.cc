#include "policy/pushback.h"

#include <gtest/gtest.h>

namespace userclient::internal {
namespace {

using namespace std::chrono_literals;

TEST(PushbackTest, ReadsMilliseconds) {
  EXPECT_EQ(ParsePushback("0").delay, 0ms);
  EXPECT_EQ(ParsePushback("1").delay, 1ms);
  EXPECT_EQ(ParsePushback("2147483647").delay, 2147483647ms);
  EXPECT_FALSE(ParsePushback("250").stop);
}

class UnreadablePushbackTest : public ::testing::TestWithParam<const char*> {};

TEST_P(UnreadablePushbackTest, MeansStop) {
  const Pushback pushback = ParsePushback(GetParam());

  EXPECT_TRUE(pushback.stop);
  EXPECT_FALSE(pushback.delay.has_value());
}

INSTANTIATE_TEST_SUITE_P(Values, UnreadablePushbackTest,
                         ::testing::Values("", " ", "-0", "-1", "-2147483648", "abc", "1.5", "1s", " 1", "1 ", "+1", "0x10", "00",
                                           "007", "2147483648", "99999999999999999999"));

}  // namespace
}  // namespace userclient::internal
