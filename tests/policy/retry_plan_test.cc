#include "policy/retry_plan.h"

#include <gtest/gtest.h>

namespace userclient::internal {
namespace {

using absl::StatusCode;
using namespace std::chrono_literals;

const TimePoint kNow = TimePoint(1h);
const TimePoint kFarDeadline = kNow + 1h;
constexpr double kNoJitter = 0.5;  // The factor runs from 0.8 to 1.2.

RetryPolicy Policy() {
  return {.max_attempts = 4,
          .initial_backoff = 100ms,
          .max_backoff = 300ms,
          .backoff_multiplier = 2,
          .retryable_status_codes = {StatusCode::kUnavailable, StatusCode::kDeadlineExceeded}};
}

AttemptEnd Ended(StatusCode code, const RetryPolicy& policy, Ending ending = Ending::kPeer) {
  return {.code = code, .judgement = Judge(code, ending, &policy), .ending = ending};
}

AttemptEnd PushedBack(AttemptEnd attempt, Pushback pushback) {
  attempt.pushback = pushback;
  return attempt;
}

class RetryPlanTest : public ::testing::Test {
 protected:
  NextStep Fail(StatusCode code = StatusCode::kUnavailable, double random = kNoJitter) {
    return plan_.Next(Ended(code, policy_), kNow, kFarDeadline, random);
  }

  const RetryPolicy policy_ = Policy();
  RetryPlan plan_{&policy_, nullptr};
};

TEST_F(RetryPlanTest, EndsWithTheFirstSuccess) {
  const NextStep next = plan_.Next(Ended(StatusCode::kOk, policy_), kNow, kFarDeadline, kNoJitter);

  EXPECT_FALSE(next.retry);
  EXPECT_EQ(next.end, CallEnd::kSucceeded);
}

TEST_F(RetryPlanTest, RetriesWhatIsListed) {
  const NextStep next = Fail();

  EXPECT_TRUE(next.retry);
  EXPECT_EQ(next.reason, AttemptReason::kRetry);
}

TEST_F(RetryPlanTest, DoesNotRetryWhatIsNot) { EXPECT_EQ(Fail(StatusCode::kInternal).end, CallEnd::kNotRetryable); }

TEST_F(RetryPlanTest, DoesNotRetryWithoutAPolicy) {
  RetryPlan plan(nullptr, nullptr);

  const NextStep next =
      plan.Next({.code = StatusCode::kUnavailable, .judgement = Judge(StatusCode::kUnavailable, Ending::kPeer, nullptr)}, kNow,
                kFarDeadline, kNoJitter);

  EXPECT_EQ(next.end, CallEnd::kNoRetryPolicy);
}

TEST_F(RetryPlanTest, StopsAtMaxAttempts) {
  EXPECT_TRUE(Fail().retry);
  EXPECT_TRUE(Fail().retry);
  EXPECT_TRUE(Fail().retry);

  const NextStep next = Fail();

  EXPECT_FALSE(next.retry);
  EXPECT_EQ(next.end, CallEnd::kAttemptsExhausted);
  EXPECT_EQ(plan_.attempts(), 4);
}

TEST_F(RetryPlanTest, BacksOffExponentiallyUpToTheMaximum) {
  EXPECT_EQ(Fail().delay, 100ms);
  EXPECT_EQ(Fail().delay, 200ms);
  EXPECT_EQ(Fail().delay, 300ms);
}

TEST_F(RetryPlanTest, JittersByAFifthEitherWay) {
  EXPECT_EQ(Fail(StatusCode::kUnavailable, 0.0).delay, 80ms);
  EXPECT_EQ(Fail(StatusCode::kUnavailable, 1.0).delay, 240ms);
}

TEST_F(RetryPlanTest, WaitsExactlyAsLongAsTheServerAsks) {
  const AttemptEnd attempt = PushedBack(Ended(StatusCode::kUnavailable, policy_), {.delay = 7s});

  const NextStep next = plan_.Next(attempt, kNow, kFarDeadline, /*random=*/0.9);

  EXPECT_EQ(next.delay, 7s);
  EXPECT_EQ(next.reason, AttemptReason::kPushback);
}

TEST_F(RetryPlanTest, BeginsTheBackoffAnewAfterAPushback) {
  RetryPolicy patient = Policy();
  patient.max_attempts = 10;
  RetryPlan plan(&patient, nullptr);
  const AttemptEnd failed = Ended(StatusCode::kUnavailable, patient);

  plan.Next(failed, kNow, kFarDeadline, kNoJitter);
  plan.Next(failed, kNow, kFarDeadline, kNoJitter);
  plan.Next(PushedBack(failed, {.delay = 10ms}), kNow, kFarDeadline, kNoJitter);

  EXPECT_EQ(plan.Next(failed, kNow, kFarDeadline, kNoJitter).delay, 100ms);
  EXPECT_EQ(plan.Next(failed, kNow, kFarDeadline, kNoJitter).delay, 200ms);
}

TEST_F(RetryPlanTest, StopsWhenTheServerSaysSo) {
  const AttemptEnd attempt = PushedBack(Ended(StatusCode::kUnavailable, policy_), {.stop = true});

  EXPECT_EQ(plan_.Next(attempt, kNow, kFarDeadline, kNoJitter).end, CallEnd::kPushedBack);
}

TEST_F(RetryPlanTest, APushbackDoesNotMakeAStatusRetryable) {
  const AttemptEnd attempt = PushedBack(Ended(StatusCode::kResourceExhausted, policy_), {.delay = 1ms});

  EXPECT_EQ(plan_.Next(attempt, kNow, kFarDeadline, kNoJitter).end, CallEnd::kNotRetryable);
}

TEST_F(RetryPlanTest, APushbackDoesNotRaiseMaxAttempts) {
  Fail();
  Fail();
  Fail();

  const NextStep next =
      plan_.Next(PushedBack(Ended(StatusCode::kUnavailable, policy_), {.delay = 1ms}), kNow, kFarDeadline, kNoJitter);

  EXPECT_EQ(next.end, CallEnd::kAttemptsExhausted);
}

TEST_F(RetryPlanTest, DoesNotWaitPastTheDeadline) {
  const AttemptEnd failed = Ended(StatusCode::kUnavailable, policy_);

  EXPECT_EQ(plan_.Next(failed, kNow, kNow + 100ms, kNoJitter).end, CallEnd::kDeadline) << "the wait would end at the deadline";
  RetryPlan in_time(&policy_, nullptr);
  EXPECT_TRUE(in_time.Next(failed, kNow, kNow + 101ms, kNoJitter).retry);
}

TEST_F(RetryPlanTest, ReturnsAtOnceWhenThePushbackIsLongerThanTheTimeLeft) {
  const AttemptEnd attempt = PushedBack(Ended(StatusCode::kUnavailable, policy_), {.delay = 2s});

  EXPECT_EQ(plan_.Next(attempt, kNow, kNow + 1s, kNoJitter).end, CallEnd::kDeadline);
}

TEST_F(RetryPlanTest, RetriesAnAttemptThatTookTooLong) {
  const AttemptEnd attempt = Ended(StatusCode::kDeadlineExceeded, policy_, Ending::kAttemptTimeout);

  EXPECT_TRUE(plan_.Next(attempt, kNow, kFarDeadline, kNoJitter).retry);
}

TEST_F(RetryPlanTest, DoesNotRetryWhenTheCallTookTooLong) {
  const AttemptEnd own = Ended(StatusCode::kDeadlineExceeded, policy_, Ending::kCallTimeout);
  const AttemptEnd callers = Ended(StatusCode::kDeadlineExceeded, policy_, Ending::kCallerDeadline);

  EXPECT_EQ(plan_.Next(own, kNow, kNow, kNoJitter).end, CallEnd::kDeadline);
  EXPECT_EQ(plan_.Next(callers, kNow, kNow, kNoJitter).end, CallEnd::kDeadline);
}

TEST_F(RetryPlanTest, DoesNotRetryWhatTheCallerCancelled) {
  const AttemptEnd attempt = Ended(StatusCode::kCancelled, policy_, Ending::kCallerCancelled);

  EXPECT_EQ(plan_.Next(attempt, kNow, kFarDeadline, kNoJitter).end, CallEnd::kCancelled);
}

TEST_F(RetryPlanTest, DoesNotRetryOnceResponseHeadersHaveCome) {
  AttemptEnd attempt = Ended(StatusCode::kUnavailable, policy_);
  attempt.committed = true;

  EXPECT_EQ(plan_.Next(attempt, kNow, kFarDeadline, kNoJitter).end, CallEnd::kCommitted);
}

TEST_F(RetryPlanTest, KeepsALongBackoffFinite) {
  const RetryPolicy policy = {.max_attempts = 10,
                              .initial_backoff = std::chrono::hours(24 * 365 * 100),
                              .max_backoff = Duration::max(),
                              .backoff_multiplier = 1e9,
                              .retryable_status_codes = {StatusCode::kUnavailable}};
  RetryPlan plan(&policy, nullptr);

  plan.Next(Ended(StatusCode::kUnavailable, policy), kNow, TimePoint::max(), kNoJitter);
  const NextStep next = plan.Next(Ended(StatusCode::kUnavailable, policy), kNow, TimePoint::max(), kNoJitter);

  EXPECT_GE(next.delay, Duration::zero());
}

class ThrottledRetryPlanTest : public ::testing::Test {
 protected:
  NextStep End(AttemptEnd attempt) { return RetryPlan(&policy_, &throttle_).Next(attempt, kNow, kFarDeadline, kNoJitter); }

  const RetryPolicy policy_ = Policy();
  RetryThrottle throttle_{{.max_tokens = 4, .milli_token_ratio = 500}};
};

TEST_F(ThrottledRetryPlanTest, StopsRetryingWhenHalfOfTheTokensAreGone) {
  EXPECT_TRUE(End(Ended(StatusCode::kUnavailable, policy_)).retry);

  EXPECT_EQ(End(Ended(StatusCode::kUnavailable, policy_)).end, CallEnd::kThrottled);
  EXPECT_EQ(throttle_.tokens(), 2);
}

TEST_F(ThrottledRetryPlanTest, RetriesAgainAfterSuccesses) {
  End(Ended(StatusCode::kUnavailable, policy_));
  End(Ended(StatusCode::kUnavailable, policy_));

  End(Ended(StatusCode::kOk, policy_));
  End(Ended(StatusCode::kOk, policy_));
  End(Ended(StatusCode::kOk, policy_));

  EXPECT_TRUE(End(Ended(StatusCode::kUnavailable, policy_)).retry);
}

TEST_F(ThrottledRetryPlanTest, TakesNoTokenForAWrongRequest) {
  End(Ended(StatusCode::kInvalidArgument, policy_));

  EXPECT_EQ(throttle_.tokens(), 4);
}

TEST_F(ThrottledRetryPlanTest, TakesATokenForEveryDoNotComeBack) {
  End(PushedBack(Ended(StatusCode::kInternal, policy_), {.stop = true}));

  EXPECT_EQ(throttle_.tokens(), 3) << "whatever the status (A6)";
}

TEST_F(ThrottledRetryPlanTest, TakesNoTokenForAnImpatientCaller) {
  End(Ended(StatusCode::kDeadlineExceeded, policy_, Ending::kCallerDeadline));
  End(Ended(StatusCode::kCancelled, policy_, Ending::kCallerCancelled));

  EXPECT_EQ(throttle_.tokens(), 4);
}

TEST_F(ThrottledRetryPlanTest, CountsTheLastAttemptToo) {
  RetryPlan plan(&policy_, &throttle_);
  const AttemptEnd failed = Ended(StatusCode::kUnavailable, policy_);

  plan.Next(failed, kNow, kFarDeadline, kNoJitter);
  plan.Next(failed, kNow, kFarDeadline, kNoJitter);

  EXPECT_EQ(throttle_.tokens(), 2);
}

}  // namespace
}  // namespace userclient::internal
