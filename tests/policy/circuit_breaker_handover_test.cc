// A breaker that takes the place of another one, because its numbers have changed.

#include <optional>

#include "gtest/gtest.h"
#include "policy/circuit_breaker.h"

namespace userclient::internal {
namespace {

using namespace std::chrono_literals;

class CircuitBreakerHandoverTest : public ::testing::Test {
 protected:
  static CircuitBreakerOptions Options() {
    return {.window = 10s, .minimum_calls = 4, .failure_ratio = 0.5, .open_duration = 5s, .half_open_probes = 1};
  }

  /// No jitter: the whole of the second half is nearly there.
  static double Longest() { return 0.999999999; }

  CircuitBreaker Successor(CircuitBreaker& before, const CircuitBreakerOptions& options) {
    return CircuitBreaker(options, Longest, before.Retire(now_), now_);
  }

  std::optional<CircuitTransition> Report(CircuitBreaker& breaker, Verdict verdict) {
    CircuitBreaker::Admission admission = breaker.Acquire(now_);
    EXPECT_TRUE(admission.permit);
    return admission.permit.Settle(verdict, now_, 1ms);
  }

  void Open(CircuitBreaker& breaker) {
    for (int i = 0; i < 4; ++i) Report(breaker, Verdict::kFailure);
    ASSERT_EQ(breaker.state(), CircuitState::kOpen);
  }

  TimePoint now_{1000s};
  CircuitBreaker first_{Options(), Longest};
};

TEST_F(CircuitBreakerHandoverTest, FailuresCountOn) {
  Report(first_, Verdict::kSuccess);
  Report(first_, Verdict::kFailure);
  Report(first_, Verdict::kFailure);
  CircuitBreakerOptions options = Options();
  options.failure_ratio = 0.75;

  CircuitBreaker second = Successor(first_, options);
  const auto transition = Report(second, Verdict::kFailure);

  ASSERT_TRUE(transition);
  EXPECT_EQ(transition->to, CircuitState::kOpen);
  EXPECT_EQ(transition->calls, 4);
  EXPECT_EQ(transition->failures, 3);
}

TEST_F(CircuitBreakerHandoverTest, FailuresInARowCountOn) {
  CircuitBreakerOptions options = Options();
  options.consecutive_failures = 5;
  CircuitBreaker first(options, Longest);
  for (int i = 0; i < 3; ++i) Report(first, Verdict::kFailure);
  options.consecutive_failures = 4;
  options.minimum_calls = 1000;

  CircuitBreaker second = Successor(first, options);
  const auto transition = Report(second, Verdict::kFailure);

  ASSERT_TRUE(transition);
  EXPECT_EQ(transition->cause, CircuitCause::kConsecutiveFailures);
}

TEST_F(CircuitBreakerHandoverTest, OpenStaysOpenForAsLongAsItWould) {
  Open(first_);
  now_ += 2s;

  CircuitBreaker second = Successor(first_, Options());

  const CircuitBreaker::Admission refused = second.Acquire(now_);
  EXPECT_FALSE(refused.permit);
  ASSERT_TRUE(refused.retry_after);
  EXPECT_GT(*refused.retry_after, 2900ms);
  EXPECT_LE(*refused.retry_after, 3s);
  now_ += 3s;
  EXPECT_TRUE(second.Acquire(now_).probe);
}

TEST_F(CircuitBreakerHandoverTest, AProbeThatFailsDoublesTheTimeThatTheFirstOneBeganWith) {
  Open(first_);
  CircuitBreaker second = Successor(first_, Options());
  now_ += 5s;

  const auto transition = second.Acquire(now_).permit.Settle(Verdict::kFailure, now_, 1ms);

  ASSERT_TRUE(transition);
  EXPECT_GT(transition->open_for, 9s);
}

TEST_F(CircuitBreakerHandoverTest, HalfOpenBeginsAnew) {
  Open(first_);
  now_ += 5s;
  CircuitBreaker::Admission probe = first_.Acquire(now_);
  ASSERT_TRUE(probe.probe);

  CircuitBreaker second = Successor(first_, Options());

  EXPECT_EQ(second.state(), CircuitState::kHalfOpen);
  EXPECT_FALSE(probe.permit.Settle(Verdict::kFailure, now_, 1ms));
  EXPECT_EQ(Report(second, Verdict::kSuccess)->to, CircuitState::kClosed);
}

TEST_F(CircuitBreakerHandoverTest, WhatWasForcedStaysForced) {
  first_.ForceOpen();

  CircuitBreaker second = Successor(first_, Options());

  EXPECT_EQ(second.state(), CircuitState::kForcedOpen);
  EXPECT_FALSE(second.Acquire(now_).permit);
  EXPECT_EQ(second.Resume(now_)->to, CircuitState::kClosed);
}

TEST_F(CircuitBreakerHandoverTest, TheSequenceGoesOn) {
  Open(first_);
  CircuitBreaker second = Successor(first_, Options());
  now_ += 5s;

  const auto transition = second.Acquire(now_).transition;

  ASSERT_TRUE(transition);
  EXPECT_EQ(transition->sequence, 3u);
}

TEST_F(CircuitBreakerHandoverTest, OneThatHasRetiredAnswersAndLearnsNothing) {
  CircuitBreaker second = Successor(first_, Options());

  for (int i = 0; i < 10; ++i) EXPECT_FALSE(Report(first_, Verdict::kFailure));

  EXPECT_EQ(first_.state(), CircuitState::kClosed);
  EXPECT_EQ(second.state(), CircuitState::kClosed);
}

TEST_F(CircuitBreakerHandoverTest, OneThatHasRetiredOpenGoesOnRefusing) {
  Open(first_);
  CircuitBreaker second = Successor(first_, Options());

  now_ += 60s;

  EXPECT_FALSE(first_.Acquire(now_).permit);
  EXPECT_TRUE(second.Acquire(now_).permit);
}

}  // namespace
}  // namespace userclient::internal
