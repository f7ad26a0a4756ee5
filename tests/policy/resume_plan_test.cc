#include "policy/resume_plan.h"

#include <gtest/gtest.h>

namespace userclient::internal {
namespace {

using absl::StatusCode;
using namespace std::chrono_literals;

const TimePoint kNow = TimePoint(1h);
const TimePoint kFarDeadline = kNow + 1h;
constexpr double kNoJitter = 0.5;  // The factor runs from 0.8 to 1.2.
constexpr bool kWithMessages = true;
constexpr bool kWithoutMessages = false;

AttemptEnd Ended(StatusCode code, Ending ending = Ending::kPeer) { return {.code = code, .ending = ending}; }

AttemptEnd PushedBack(Pushback pushback, StatusCode code = StatusCode::kUnavailable) {
  return {.code = code, .pushback = pushback};
}

// ---- What each status means

enum class Outcome {
  kResumed,
  /// Resumed for as long as it is, in an endless stream; given up after max_failures.
  kResumedForAWhile,
  kSucceeded,
  kHopeless,
};

struct StatusCase {
  StatusCode code;
  Outcome finite;
  Outcome endless;
};

constexpr StatusCase kStatuses[] = {
    {StatusCode::kOk, Outcome::kSucceeded, Outcome::kResumed},
    {StatusCode::kCancelled, Outcome::kResumedForAWhile, Outcome::kResumed},
    {StatusCode::kUnknown, Outcome::kResumedForAWhile, Outcome::kResumedForAWhile},
    {StatusCode::kInvalidArgument, Outcome::kHopeless, Outcome::kHopeless},
    {StatusCode::kDeadlineExceeded, Outcome::kResumedForAWhile, Outcome::kResumed},
    {StatusCode::kNotFound, Outcome::kHopeless, Outcome::kHopeless},
    {StatusCode::kAlreadyExists, Outcome::kHopeless, Outcome::kHopeless},
    {StatusCode::kPermissionDenied, Outcome::kHopeless, Outcome::kHopeless},
    {StatusCode::kResourceExhausted, Outcome::kResumedForAWhile, Outcome::kResumed},
    {StatusCode::kFailedPrecondition, Outcome::kHopeless, Outcome::kHopeless},
    {StatusCode::kAborted, Outcome::kResumedForAWhile, Outcome::kResumed},
    {StatusCode::kOutOfRange, Outcome::kHopeless, Outcome::kHopeless},
    {StatusCode::kUnimplemented, Outcome::kHopeless, Outcome::kHopeless},
    {StatusCode::kInternal, Outcome::kResumedForAWhile, Outcome::kResumedForAWhile},
    {StatusCode::kUnavailable, Outcome::kResumedForAWhile, Outcome::kResumed},
    {StatusCode::kDataLoss, Outcome::kResumedForAWhile, Outcome::kResumedForAWhile},
    {StatusCode::kUnauthenticated, Outcome::kHopeless, Outcome::kHopeless},
};

/// What becomes of a stream all whose attempts end like this, without a message.
Outcome OutcomeOf(StatusCode code, bool endless) {
  constexpr int kVeryOften = 1000;
  ResumePlan plan({.endless = endless}, nullptr);
  NextStep next = plan.Next(Ended(code), kWithoutMessages, kNow, kFarDeadline, kNoJitter);
  if (!next.retry) return next.end == CallEnd::kSucceeded ? Outcome::kSucceeded : Outcome::kHopeless;
  EXPECT_EQ(next.reason, AttemptReason::kResume);
  for (int i = 0; i < kVeryOften && next.retry; ++i) {
    next = plan.Next(Ended(code), kWithoutMessages, kNow, kFarDeadline, kNoJitter);
  }
  return next.retry ? Outcome::kResumed : Outcome::kResumedForAWhile;
}

class ResumedStatusTest : public ::testing::TestWithParam<StatusCase> {};

TEST_P(ResumedStatusTest, DecidesWhetherTheStreamGoesOn) {
  EXPECT_EQ(OutcomeOf(GetParam().code, /*endless=*/false), GetParam().finite);
  EXPECT_EQ(OutcomeOf(GetParam().code, /*endless=*/true), GetParam().endless);
}

INSTANTIATE_TEST_SUITE_P(All, ResumedStatusTest, ::testing::ValuesIn(kStatuses),
                         [](const ::testing::TestParamInfo<StatusCase>& tested) {
                           return absl::StatusCodeToString(tested.param.code);
                         });

// ---- Streams that have an end

class ResumePlanTest : public ::testing::Test {
 protected:
  NextStep Fail(bool progressed = kWithoutMessages, double random = kNoJitter) {
    return plan_.Next(Ended(StatusCode::kUnavailable), progressed, kNow, kFarDeadline, random);
  }
  NextStep End(const AttemptEnd& attempt, TimePoint deadline = kFarDeadline) {
    return plan_.Next(attempt, kWithoutMessages, kNow, deadline, kNoJitter);
  }

  ResumePlan plan_{{.max_failures = 3, .initial_backoff = 100ms, .max_backoff = 300ms}, nullptr};
};

TEST_F(ResumePlanTest, GivesUpAfterTooManyFailuresInARow) {
  EXPECT_TRUE(Fail().retry);
  EXPECT_TRUE(Fail().retry);
  EXPECT_TRUE(Fail().retry);

  EXPECT_EQ(Fail().end, CallEnd::kAttemptsExhausted);
}

TEST_F(ResumePlanTest, AMessageBeginsTheCountAnew) {
  constexpr int kDeaths = 100;
  for (int i = 0; i < kDeaths; ++i) ASSERT_TRUE(Fail(i % 3 == 0 ? kWithMessages : kWithoutMessages).retry) << i;
}

TEST_F(ResumePlanTest, AnAttemptThatBroughtMessagesAndFailedCountsAsOne) {
  EXPECT_TRUE(Fail(kWithMessages).retry);
  EXPECT_TRUE(Fail().retry);
  EXPECT_TRUE(Fail().retry);

  EXPECT_FALSE(Fail().retry);
}

TEST_F(ResumePlanTest, BacksOffExponentiallyUpToTheMaximum) {
  EXPECT_EQ(Fail().delay, 100ms);
  EXPECT_EQ(Fail().delay, 200ms);
  EXPECT_EQ(Fail().delay, 300ms);
}

TEST_F(ResumePlanTest, BeginsTheBackoffAnewWithEveryMessage) {
  Fail();
  Fail();

  EXPECT_EQ(Fail(kWithMessages).delay, 100ms);
  EXPECT_EQ(Fail().delay, 200ms);
}

TEST_F(ResumePlanTest, JittersByAFifthEitherWay) {
  EXPECT_EQ(Fail(kWithoutMessages, /*random=*/0.0).delay, 80ms);
  EXPECT_EQ(Fail(kWithoutMessages, /*random=*/1.0).delay, 240ms);
  EXPECT_EQ(Fail(kWithoutMessages, /*random=*/1.0).delay, 360ms) << "around the maximum too, so that not all come at once";
}

TEST_F(ResumePlanTest, WaitsExactlyAsLongAsTheServerAsks) {
  const NextStep next = plan_.Next(PushedBack({.delay = 7s}), kWithoutMessages, kNow, kFarDeadline, /*random=*/0.9);

  EXPECT_EQ(next.delay, 7s);
}

TEST_F(ResumePlanTest, AStreamWithoutEndIsNotHurriedByTheServer) {
  ResumePlan endless({.endless = true, .initial_backoff = 100ms, .max_backoff = 300ms}, nullptr);
  const auto delay = [&](std::chrono::milliseconds asked) {
    return endless.Next(PushedBack({.delay = asked}), kWithoutMessages, kNow, kFarDeadline, kNoJitter).delay;
  };

  EXPECT_EQ(delay(0ms), 100ms);
  EXPECT_EQ(delay(99ms), 200ms);
  EXPECT_EQ(delay(0ms), 300ms) << "attempts without a limit need a backoff";
  EXPECT_EQ(delay(100ms), 100ms) << "what is no hurry is obeyed exactly";
}

TEST_F(ResumePlanTest, APushbackIsAFailureAsAnyOther) {
  End(PushedBack({.delay = 1ms}));
  End(PushedBack({.delay = 1ms}));
  End(PushedBack({.delay = 1ms}));

  EXPECT_EQ(End(PushedBack({.delay = 1ms})).end, CallEnd::kAttemptsExhausted);
}

TEST_F(ResumePlanTest, APushbackMakesNoStatusHopeful) {
  EXPECT_EQ(End(PushedBack({.delay = 1ms}, StatusCode::kNotFound)).end, CallEnd::kNotRetryable);
}

TEST_F(ResumePlanTest, StopsWhenTheServerSaysSo) { EXPECT_EQ(End(PushedBack({.stop = true})).end, CallEnd::kPushedBack); }

TEST_F(ResumePlanTest, DoesNotWaitPastTheDeadline) {
  const AttemptEnd failed = Ended(StatusCode::kUnavailable);

  EXPECT_TRUE(End(failed, kNow + 101ms).retry);
  EXPECT_EQ(End(failed, kNow + 200ms).end, CallEnd::kDeadline) << "the wait would end at the deadline";
  EXPECT_EQ(End(PushedBack({.delay = 2s}), kNow + 1s).end, CallEnd::kDeadline);
}

TEST_F(ResumePlanTest, GoesOnAfterAnAttemptThatTookTooLong) {
  EXPECT_TRUE(End(Ended(StatusCode::kDeadlineExceeded, Ending::kAttemptTimeout)).retry);
}

TEST_F(ResumePlanTest, EndsWhenTheStreamTookTooLong) {
  EXPECT_EQ(End(Ended(StatusCode::kDeadlineExceeded, Ending::kCallTimeout)).end, CallEnd::kDeadline);
  EXPECT_EQ(End(Ended(StatusCode::kDeadlineExceeded, Ending::kCallerDeadline)).end, CallEnd::kDeadline);
}

TEST_F(ResumePlanTest, EndsWhenTheCallerCancels) {
  EXPECT_EQ(End(Ended(StatusCode::kCancelled, Ending::kCallerCancelled)).end, CallEnd::kCancelled);
}

// ---- Streams that have none

class EndlessResumePlanTest : public ::testing::Test {
 protected:
  static constexpr ResumeRules kRules = {.endless = true, .max_failures = 2, .initial_backoff = 100ms, .max_backoff = 300ms};

  NextStep End(const AttemptEnd& attempt, bool progressed = kWithoutMessages) {
    return plan_.Next(attempt, progressed, kNow, TimePoint::max(), kNoJitter);
  }

  ResumePlan plan_{kRules, nullptr};
};

TEST_F(EndlessResumePlanTest, WaitsAsLongAsItTakes) {
  constexpr int kVeryOften = 100'000;
  for (int i = 2; i < kVeryOften; ++i) End(Ended(StatusCode::kUnavailable));

  const NextStep next = End(Ended(StatusCode::kUnavailable));

  EXPECT_TRUE(next.retry);
  EXPECT_EQ(next.delay, 300ms);
}

TEST_F(EndlessResumePlanTest, GivesUpWhatMayWellStay) {
  EXPECT_TRUE(End(Ended(StatusCode::kInternal)).retry);
  EXPECT_TRUE(End(Ended(StatusCode::kDataLoss)).retry);

  EXPECT_EQ(End(Ended(StatusCode::kUnknown)).end, CallEnd::kAttemptsExhausted);
}

TEST_F(EndlessResumePlanTest, DoesNotGiveUpWhatBringsMessages) {
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(End(Ended(StatusCode::kInternal), kWithMessages).retry);
}

TEST_F(EndlessResumePlanTest, StopsWhenTheServerSaysSo) { EXPECT_EQ(End(PushedBack({.stop = true})).end, CallEnd::kPushedBack); }

TEST_F(EndlessResumePlanTest, EndsWhenTheCallerCancelsOrHisTimeIsOver) {
  EXPECT_EQ(End(Ended(StatusCode::kCancelled, Ending::kCallerCancelled)).end, CallEnd::kCancelled);
  EXPECT_EQ(End(Ended(StatusCode::kDeadlineExceeded, Ending::kCallerDeadline)).end, CallEnd::kDeadline);
}

// ---- The throttle of the client

class ThrottledResumePlanTest : public ::testing::Test {
 protected:
  NextStep Fail(ResumePlan& plan, bool progressed = kWithoutMessages) {
    return plan.Next(Ended(StatusCode::kUnavailable), progressed, kNow, kFarDeadline, kNoJitter);
  }

  RetryThrottle throttle_{{.max_tokens = 4, .milli_token_ratio = 500}};
  ResumePlan plan_{{}, &throttle_};
};

TEST_F(ThrottledResumePlanTest, StopsWhenHalfOfTheTokensAreGone) {
  EXPECT_TRUE(Fail(plan_).retry);

  EXPECT_EQ(Fail(plan_).end, CallEnd::kThrottled);
  EXPECT_EQ(throttle_.tokens(), 2);
}

TEST_F(ThrottledResumePlanTest, AnAttemptThatBroughtMessagesGivesATokenBack) {
  Fail(plan_);

  EXPECT_TRUE(Fail(plan_, kWithMessages).retry);
  EXPECT_EQ(throttle_.tokens(), 3.5);
}

TEST_F(ThrottledResumePlanTest, AnEndlessStreamGoesOnAndCounts) {
  ResumePlan endless({.endless = true}, &throttle_);

  for (int i = 0; i < 4; ++i) EXPECT_TRUE(Fail(endless).retry) << "its backoff is what keeps it from hurting";

  EXPECT_EQ(throttle_.tokens(), 0);
}

TEST_F(ThrottledResumePlanTest, TakesNoTokenForWhatNoServerCanHelp) {
  plan_.Next(Ended(StatusCode::kNotFound), kWithoutMessages, kNow, kFarDeadline, kNoJitter);
  plan_.Next(Ended(StatusCode::kCancelled, Ending::kCallerCancelled), kWithoutMessages, kNow, kFarDeadline, kNoJitter);
  plan_.Next(Ended(StatusCode::kDeadlineExceeded, Ending::kCallerDeadline), kWithoutMessages, kNow, kFarDeadline, kNoJitter);

  EXPECT_EQ(throttle_.tokens(), 4);
}

}  // namespace
}  // namespace userclient::internal
