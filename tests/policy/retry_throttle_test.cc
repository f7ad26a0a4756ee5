#include "policy/retry_throttle.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace userclient::internal {
namespace {

void Record(RetryThrottle& throttle, Tokens change, int times) {
  for (int i = 0; i < times; ++i) throttle.Record(change);
}

TEST(RetryThrottleTest, BeginsFull) {
  RetryThrottle throttle({.max_tokens = 10, .milli_token_ratio = 100});

  EXPECT_EQ(throttle.tokens(), 10);
  EXPECT_TRUE(throttle.AllowsRetry());
}

TEST(RetryThrottleTest, StopsRetriesAtHalfOfTheTokens) {
  RetryThrottle throttle({.max_tokens = 10, .milli_token_ratio = 100});

  Record(throttle, Tokens::kWithdraw, 4);
  EXPECT_TRUE(throttle.AllowsRetry());
  Record(throttle, Tokens::kWithdraw, 1);

  EXPECT_EQ(throttle.tokens(), 5);
  EXPECT_FALSE(throttle.AllowsRetry());
}

TEST(RetryThrottleTest, AllowsThemAgainAboveHalf) {
  RetryThrottle throttle({.max_tokens = 10, .milli_token_ratio = 100});
  Record(throttle, Tokens::kWithdraw, 5);

  Record(throttle, Tokens::kDeposit, 1);

  EXPECT_DOUBLE_EQ(throttle.tokens(), 5.1);
  EXPECT_TRUE(throttle.AllowsRetry());
}

TEST(RetryThrottleTest, HalfOfAnOddNumberIsNotRounded) {
  RetryThrottle throttle({.max_tokens = 3, .milli_token_ratio = 500});

  Record(throttle, Tokens::kWithdraw, 1);
  EXPECT_TRUE(throttle.AllowsRetry()) << "2 of 3 is more than half";
  Record(throttle, Tokens::kWithdraw, 1);
  EXPECT_FALSE(throttle.AllowsRetry());
  Record(throttle, Tokens::kDeposit, 1);

  EXPECT_FALSE(throttle.AllowsRetry()) << "1.5 of 3 is not more than half";
}

TEST(RetryThrottleTest, KeepsBetweenNothingAndFull) {
  RetryThrottle throttle({.max_tokens = 10, .milli_token_ratio = 100});

  Record(throttle, Tokens::kWithdraw, 100);
  EXPECT_EQ(throttle.tokens(), 0);
  Record(throttle, Tokens::kDeposit, 1000);

  EXPECT_EQ(throttle.tokens(), 10);
}

TEST(RetryThrottleTest, ASuccessorIsAsFullAsTheOneBefore) {
  RetryThrottle before({.max_tokens = 10, .milli_token_ratio = 100});
  Record(before, Tokens::kWithdraw, 6);

  RetryThrottle after({.max_tokens = 100, .milli_token_ratio = 100}, before);

  EXPECT_EQ(after.tokens(), 40);
  EXPECT_FALSE(after.AllowsRetry());
}

TEST(RetryThrottleTest, LosesNoTokenBetweenThreads) {
  RetryThrottle throttle({.max_tokens = 1000, .milli_token_ratio = 1000});
  std::vector<std::thread> threads;

  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { Record(throttle, Tokens::kWithdraw, 200); });
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(throttle.tokens(), 200);
}

}  // namespace
}  // namespace userclient::internal
