#include "policy/deadline.h"

#include <gtest/gtest.h>

namespace userclient::internal {
namespace {

using namespace std::chrono_literals;

const TimePoint kNow = TimePoint(1h);

TEST(DeadlineTest, IsTheMethodsTimeoutWhenTheCallBringsNone) {
  const CallDeadline deadline = PlanDeadline(kNow, 5s, std::nullopt, std::nullopt);

  EXPECT_EQ(deadline.at, kNow + 5s);
  EXPECT_FALSE(deadline.shortened_by_caller);
}

TEST(DeadlineTest, IsTheCallsTimeoutWhenItBringsOne) {
  const CallDeadline shorter = PlanDeadline(kNow, 5s, 200ms, std::nullopt);
  const CallDeadline longer = PlanDeadline(kNow, 5s, 9s, std::nullopt);

  EXPECT_EQ(shorter.at, kNow + 200ms);
  EXPECT_TRUE(shorter.shortened_by_caller);
  EXPECT_EQ(longer.at, kNow + 9s);
  EXPECT_FALSE(longer.shortened_by_caller);
}

TEST(DeadlineTest, IsNeverLaterThanTheParents) {
  const CallDeadline deadline = PlanDeadline(kNow, 5s, 9s, kNow + 300ms);

  EXPECT_EQ(deadline.at, kNow + 300ms);
  EXPECT_TRUE(deadline.shortened_by_caller);
}

TEST(DeadlineTest, IsTheCallsOwnWhenTheParentHasMoreTime) {
  const CallDeadline deadline = PlanDeadline(kNow, 5s, std::nullopt, kNow + 1h);

  EXPECT_EQ(deadline.at, kNow + 5s);
  EXPECT_FALSE(deadline.shortened_by_caller);
}

TEST(DeadlineTest, OfAnEndlessTimeoutIsTheEndOfTheClock) {
  const CallDeadline deadline = PlanDeadline(kNow, 5s, Duration::max(), std::nullopt);

  EXPECT_EQ(deadline.at, TimePoint::max());
  EXPECT_FALSE(deadline.shortened_by_caller);
}

TEST(DeadlineTest, OfATimeoutInThePastHasPassed) {
  const CallDeadline deadline = PlanDeadline(kNow, 5s, -1s, std::nullopt);

  EXPECT_LT(deadline.at, kNow);
}

}  // namespace
}  // namespace userclient::internal
