#include "policy/circuit_breaker.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <initializer_list>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace userclient::internal {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::Optional;

constexpr Verdict kSuccess = Verdict::kSuccess;
constexpr Verdict kFailure = Verdict::kFailure;
constexpr Verdict kIgnored = Verdict::kIgnored;

/// No jitter: the whole of the second half is nearly there.
constexpr double kLongest = 0.999999999;

auto IsTransition(CircuitState from, CircuitState to, CircuitCause cause) {
  return Optional(
      AllOf(Field(&CircuitTransition::from, from), Field(&CircuitTransition::to, to), Field(&CircuitTransition::cause, cause)));
}

class CircuitBreakerTest : public ::testing::Test {
 protected:
  static CircuitBreakerOptions Options() {
    return {.window = 10s,
            .minimum_calls = 4,
            .failure_ratio = 0.5,
            .open_duration = 5s,
            .max_open_duration = 60s,
            .half_open_probes = 2};
  }

  static CircuitBreakerOptions With(void (*change)(CircuitBreakerOptions&)) {
    CircuitBreakerOptions options = Options();
    change(options);
    return options;
  }

  CircuitBreaker::Permit Admit(CircuitBreaker& breaker) {
    CircuitBreaker::Admission admission = breaker.Acquire(now_);
    EXPECT_TRUE(admission.permit);
    return std::move(admission.permit);
  }

  bool Refuses(CircuitBreaker& breaker) { return !breaker.Acquire(now_).permit; }

  std::optional<CircuitTransition> Report(CircuitBreaker& breaker, Verdict verdict, Duration duration = 1ms) {
    return Admit(breaker).Settle(verdict, now_, duration);
  }

  /// Makes calls one after the other; returns what the last of them did to the breaker.
  std::optional<CircuitTransition> Report(CircuitBreaker& breaker, std::initializer_list<Verdict> verdicts) {
    std::optional<CircuitTransition> last;
    for (Verdict verdict : verdicts) last = Report(breaker, verdict);
    return last;
  }

  CircuitTransition Open(CircuitBreaker& breaker) {
    return Report(breaker, {kFailure, kFailure, kFailure, kFailure}).value_or(CircuitTransition{});
  }

  /// Opens the breaker, waits, and returns the permit of the first probe.
  CircuitBreaker::Permit HalfOpen(CircuitBreaker& breaker) {
    Open(breaker);
    now_ += 5s;
    return Admit(breaker);
  }

  /// Lets it try again, and fail again. The time for which it opened.
  Duration Reopen(CircuitBreaker& breaker, Duration wait) {
    now_ += wait;
    return Report(breaker, kFailure).value_or(CircuitTransition{}).open_for;
  }

  TimePoint now_ = TimePoint(1h);
  double random_ = kLongest;
  CircuitBreaker breaker_{Options(), [this] { return random_; }};
};

TEST_F(CircuitBreakerTest, BeginsClosed) {
  EXPECT_EQ(breaker_.state(), CircuitState::kClosed);
  EXPECT_TRUE(breaker_.Acquire(now_).permit);
}

TEST_F(CircuitBreakerTest, OpensWhenHalfOfTheCallsInTheWindowFail) {
  const auto transition = Report(breaker_, {kSuccess, kFailure, kSuccess, kFailure});

  EXPECT_THAT(transition, IsTransition(CircuitState::kClosed, CircuitState::kOpen, CircuitCause::kFailureRatio));
  EXPECT_EQ(breaker_.state(), CircuitState::kOpen);
  EXPECT_TRUE(Refuses(breaker_));
}

TEST_F(CircuitBreakerTest, SaysWhatItSawWhenItOpens) {
  const auto transition = Report(breaker_, {kSuccess, kFailure, kSuccess, kFailure});

  ASSERT_TRUE(transition);
  EXPECT_EQ(transition->calls, 4);
  EXPECT_EQ(transition->failures, 2);
  EXPECT_EQ(transition->slow_calls, 0);
}

TEST_F(CircuitBreakerTest, StaysClosedBelowTheRatio) {
  Report(breaker_, {kSuccess, kSuccess, kSuccess, kFailure, kFailure});

  EXPECT_EQ(breaker_.state(), CircuitState::kClosed);
}

TEST_F(CircuitBreakerTest, StaysClosedBelowTheMinimumOfCalls) {
  Report(breaker_, {kFailure, kFailure, kFailure});

  EXPECT_EQ(breaker_.state(), CircuitState::kClosed);
}

TEST_F(CircuitBreakerTest, ASuccessNeverOpens) {
  Report(breaker_, {kFailure, kFailure, kFailure, kSuccess});

  EXPECT_EQ(breaker_.state(), CircuitState::kClosed);
  EXPECT_THAT(Report(breaker_, kFailure), IsTransition(CircuitState::kClosed, CircuitState::kOpen, CircuitCause::kFailureRatio));
}

TEST_F(CircuitBreakerTest, IgnoredCallsAreNotCalls) {
  Report(breaker_, {kIgnored, kIgnored, kFailure, kFailure, kFailure});

  EXPECT_EQ(breaker_.state(), CircuitState::kClosed);
}

/// 0.55 * 20 is a little more than 11 in doubles.
TEST_F(CircuitBreakerTest, ElevenOfTwentyReachARatioOf55Percent) {
  CircuitBreaker breaker({.minimum_calls = 20, .failure_ratio = 0.55}, [] { return 0.0; });
  for (int i = 0; i < 9; ++i) Report(breaker, kSuccess);
  for (int i = 0; i < 10; ++i) Report(breaker, kFailure);

  EXPECT_THAT(Report(breaker, kFailure), IsTransition(CircuitState::kClosed, CircuitState::kOpen, CircuitCause::kFailureRatio));
}

TEST_F(CircuitBreakerTest, ForgetsWhatIsOlderThanTheWindow) {
  Report(breaker_, {kFailure, kFailure, kFailure});
  now_ += 10s;
  Report(breaker_, kFailure);

  EXPECT_EQ(breaker_.state(), CircuitState::kClosed);
}

TEST_F(CircuitBreakerTest, RemembersWhatIsInTheWindow) {
  Report(breaker_, {kFailure, kFailure, kFailure});
  now_ += 9s;

  EXPECT_THAT(Report(breaker_, kFailure), IsTransition(CircuitState::kClosed, CircuitState::kOpen, CircuitCause::kFailureRatio));
}

TEST_F(CircuitBreakerTest, TheWindowRollsByATenth) {
  for (int second = 0; second < 30; ++second) {
    Report(breaker_, {kSuccess, kSuccess, kFailure});
    now_ += 1s;
  }
  EXPECT_EQ(breaker_.state(), CircuitState::kClosed);

  // 18 successes and 9 failures are left of the last nine seconds; the tenth failure more makes half of them.
  Report(breaker_, {kFailure, kFailure, kFailure, kFailure, kFailure, kFailure, kFailure, kFailure});
  EXPECT_EQ(breaker_.state(), CircuitState::kClosed);
  Report(breaker_, kFailure);
  EXPECT_EQ(breaker_.state(), CircuitState::kOpen);
}

TEST_F(CircuitBreakerTest, OpensAfterSoManyFailuresInARow) {
  CircuitBreaker breaker(With([](CircuitBreakerOptions& options) { options.consecutive_failures = 3; }), [] { return 0.0; });
  for (int i = 0; i < 100; ++i) Report(breaker, kSuccess);

  EXPECT_EQ(Report(breaker, {kFailure, kFailure, kIgnored}), std::nullopt);
  EXPECT_THAT(Report(breaker, kFailure),
              IsTransition(CircuitState::kClosed, CircuitState::kOpen, CircuitCause::kConsecutiveFailures));
}

TEST_F(CircuitBreakerTest, ASuccessEndsTheRow) {
  CircuitBreaker breaker(With([](CircuitBreakerOptions& options) { options.consecutive_failures = 3; }), [] { return 0.0; });
  for (int i = 0; i < 100; ++i) Report(breaker, kSuccess);

  Report(breaker, {kFailure, kFailure, kSuccess, kFailure, kFailure});

  EXPECT_EQ(breaker.state(), CircuitState::kClosed);
}

TEST_F(CircuitBreakerTest, ARowBeginsAnewWhenTheBreakerHasClosed) {
  CircuitBreaker breaker(With([](CircuitBreakerOptions& options) { options.consecutive_failures = 3; }), [] { return 0.0; });
  Report(breaker, {kFailure, kFailure, kFailure});
  now_ += 5s;
  Report(breaker, {kSuccess, kSuccess});
  ASSERT_EQ(breaker.state(), CircuitState::kClosed);

  Report(breaker, {kFailure, kFailure});

  EXPECT_EQ(breaker.state(), CircuitState::kClosed);
}

TEST_F(CircuitBreakerTest, OpensWhenTooManyCallsAreSlow) {
  CircuitBreaker breaker(With([](CircuitBreakerOptions& options) {
                           options.slow_call_duration = 100ms;
                           options.slow_call_ratio = 0.75;
                         }),
                         [] { return 0.0; });
  Report(breaker, kSuccess, 1ms);
  Report(breaker, kSuccess, 100ms);
  Report(breaker, kSuccess, 200ms);
  const auto transition = Report(breaker, kSuccess, 100ms);

  EXPECT_THAT(transition, IsTransition(CircuitState::kClosed, CircuitState::kOpen, CircuitCause::kSlowCallRatio));
  EXPECT_EQ(transition->slow_calls, 3);
}

TEST_F(CircuitBreakerTest, ACallJustBelowTheDurationIsNotSlow) {
  CircuitBreaker breaker(With([](CircuitBreakerOptions& options) {
                           options.slow_call_duration = 100ms;
                           options.slow_call_ratio = 0.5;
                         }),
                         [] { return 0.0; });
  for (int i = 0; i < 8; ++i) Report(breaker, kSuccess, 100ms - 1ns);

  EXPECT_EQ(breaker.state(), CircuitState::kClosed);
}

TEST_F(CircuitBreakerTest, AnIgnoredCallIsNeverSlow) {
  CircuitBreaker breaker(With([](CircuitBreakerOptions& options) {
                           options.slow_call_duration = 100ms;
                           options.slow_call_ratio = 0.5;
                         }),
                         [] { return 0.0; });
  for (int i = 0; i < 8; ++i) Report(breaker, kIgnored, 1h);

  EXPECT_EQ(breaker.state(), CircuitState::kClosed);
}

TEST_F(CircuitBreakerTest, RefusesWhileOpenAndSaysForHowLong) {
  const Duration open_for = Open(breaker_).open_for;
  now_ += 2s;
  const CircuitBreaker::Admission refused = breaker_.Acquire(now_);

  EXPECT_FALSE(refused.permit);
  EXPECT_EQ(refused.retry_after, open_for - 2s);
  EXPECT_EQ(refused.transition, std::nullopt);
}

TEST_F(CircuitBreakerTest, RefusalsAreNotCounted) {
  Open(breaker_);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(Refuses(breaker_));
  now_ += 5s;
  Report(breaker_, {kSuccess, kSuccess});
  ASSERT_EQ(breaker_.state(), CircuitState::kClosed);

  Report(breaker_, {kSuccess, kFailure, kSuccess});

  EXPECT_EQ(breaker_.state(), CircuitState::kClosed);
}

TEST_F(CircuitBreakerTest, IsHalfOpenForTheFirstCallAfterTheOpenDuration) {
  Open(breaker_);
  now_ += 5s;
  const CircuitBreaker::Admission admission = breaker_.Acquire(now_);

  EXPECT_TRUE(admission.permit);
  EXPECT_THAT(admission.transition,
              IsTransition(CircuitState::kOpen, CircuitState::kHalfOpen, CircuitCause::kOpenDurationPassed));
}

TEST_F(CircuitBreakerTest, ClosesWhenEnoughProbesInARowSucceed) {
  const auto first = HalfOpen(breaker_).Settle(kSuccess, now_, 1ms);
  const auto second = Report(breaker_, kSuccess);

  EXPECT_EQ(first, std::nullopt);
  EXPECT_THAT(second, IsTransition(CircuitState::kHalfOpen, CircuitState::kClosed, CircuitCause::kProbesSucceeded));
  EXPECT_TRUE(breaker_.Acquire(now_).permit);
}

TEST_F(CircuitBreakerTest, BeginsWithAnEmptyWindowWhenItHasClosed) {
  HalfOpen(breaker_).Settle(kSuccess, now_, 1ms);
  Report(breaker_, kSuccess);

  Report(breaker_, {kFailure, kFailure, kFailure});

  EXPECT_EQ(breaker_.state(), CircuitState::kClosed);
}

TEST_F(CircuitBreakerTest, OneFailedProbeOpensAgain) {
  HalfOpen(breaker_).Settle(kSuccess, now_, 1ms);
  const auto transition = Report(breaker_, kFailure);

  EXPECT_THAT(transition, IsTransition(CircuitState::kHalfOpen, CircuitState::kOpen, CircuitCause::kProbeFailed));
}

TEST_F(CircuitBreakerTest, ASlowProbeIsAFailedProbe) {
  CircuitBreaker breaker(With([](CircuitBreakerOptions& options) { options.slow_call_duration = 100ms; }), [] { return 0.0; });
  CircuitBreaker::Permit probe = HalfOpen(breaker);

  EXPECT_THAT(probe.Settle(kSuccess, now_, 100ms),
              IsTransition(CircuitState::kHalfOpen, CircuitState::kOpen, CircuitCause::kProbeFailed));
}

TEST_F(CircuitBreakerTest, AdmitsNoMoreProbesAtATimeThanAllowed) {
  CircuitBreaker breaker(With([](CircuitBreakerOptions& options) { options.max_probes_in_flight = 2; }), [] { return 0.0; });
  const CircuitBreaker::Permit first = HalfOpen(breaker);
  CircuitBreaker::Permit second = Admit(breaker);
  EXPECT_TRUE(Refuses(breaker));

  second.Settle(kSuccess, now_, 1ms);

  const CircuitBreaker::Permit third = Admit(breaker);
  EXPECT_TRUE(Refuses(breaker));
}

TEST_F(CircuitBreakerTest, NobodyKnowsHowLongProbesTake) {
  const CircuitBreaker::Permit probe = HalfOpen(breaker_);

  EXPECT_EQ(breaker_.Acquire(now_).retry_after, std::nullopt);
}

TEST_F(CircuitBreakerTest, AnIgnoredProbeGivesItsPlaceToTheNext) {
  HalfOpen(breaker_).Settle(kIgnored, now_, 1ms);

  EXPECT_EQ(breaker_.state(), CircuitState::kHalfOpen);
  EXPECT_TRUE(breaker_.Acquire(now_).permit);
}

TEST_F(CircuitBreakerTest, ADroppedPermitGivesItsPlaceToTheNext) {
  { const CircuitBreaker::Permit probe = HalfOpen(breaker_); }

  EXPECT_EQ(breaker_.state(), CircuitState::kHalfOpen);
  EXPECT_TRUE(breaker_.Acquire(now_).permit);
}

TEST_F(CircuitBreakerTest, APermitIsReturnedOnce) {
  CircuitBreaker breaker(With([](CircuitBreakerOptions& options) { options.max_probes_in_flight = 2; }), [] { return 0.0; });
  CircuitBreaker::Permit first = HalfOpen(breaker);
  CircuitBreaker::Permit second = Admit(breaker);
  CircuitBreaker::Permit moved = std::move(first);
  moved.Settle(kIgnored, now_, 1ms);
  moved.Settle(kFailure, now_, 1ms);
  moved = CircuitBreaker::Permit();

  const CircuitBreaker::Permit third = Admit(breaker);
  EXPECT_TRUE(Refuses(breaker));
  EXPECT_EQ(breaker.state(), CircuitState::kHalfOpen);
}

TEST_F(CircuitBreakerTest, APermitThatIsReplacedIsReturned) {
  CircuitBreaker::Permit permit = HalfOpen(breaker_);
  permit = CircuitBreaker::Permit();

  EXPECT_TRUE(breaker_.Acquire(now_).permit);
}

TEST_F(CircuitBreakerTest, LateFailuresOfTheClosedTimeDoNotOpenAHalfOpenBreaker) {
  std::array<CircuitBreaker::Permit, 10> late;
  for (CircuitBreaker::Permit& permit : late) permit = Admit(breaker_);
  CircuitBreaker::Permit probe = HalfOpen(breaker_);

  for (CircuitBreaker::Permit& permit : late) EXPECT_EQ(permit.Settle(kFailure, now_, 5s), std::nullopt);

  EXPECT_EQ(breaker_.state(), CircuitState::kHalfOpen);
}

TEST_F(CircuitBreakerTest, LateSuccessesOfTheClosedTimeDoNotCloseAHalfOpenBreaker) {
  std::array<CircuitBreaker::Permit, 10> late;
  for (CircuitBreaker::Permit& permit : late) permit = Admit(breaker_);
  CircuitBreaker::Permit probe = HalfOpen(breaker_);

  for (CircuitBreaker::Permit& permit : late) EXPECT_EQ(permit.Settle(kSuccess, now_, 5s), std::nullopt);

  EXPECT_EQ(breaker_.state(), CircuitState::kHalfOpen);
  EXPECT_TRUE(Refuses(breaker_)) << "a late permit gave back a place that it never had";
}

TEST_F(CircuitBreakerTest, LateFailuresDoNotCountInTheNextClosedTime) {
  std::array<CircuitBreaker::Permit, 10> late;
  for (CircuitBreaker::Permit& permit : late) permit = Admit(breaker_);
  HalfOpen(breaker_).Settle(kSuccess, now_, 1ms);
  Report(breaker_, kSuccess);
  ASSERT_EQ(breaker_.state(), CircuitState::kClosed);

  for (CircuitBreaker::Permit& permit : late) permit.Settle(kFailure, now_, 5s);
  Report(breaker_, {kSuccess, kSuccess, kSuccess, kFailure});

  EXPECT_EQ(breaker_.state(), CircuitState::kClosed);
}

TEST_F(CircuitBreakerTest, AProbeOfAnEarlierHalfOpenTimeChangesNothing) {
  CircuitBreaker breaker(With([](CircuitBreakerOptions& options) { options.max_probes_in_flight = 2; }), [] { return 0.0; });
  CircuitBreaker::Permit late = HalfOpen(breaker);
  Report(breaker, kFailure);
  ASSERT_EQ(breaker.state(), CircuitState::kOpen);
  now_ += 10s;
  Report(breaker, kSuccess);

  EXPECT_EQ(late.Settle(kFailure, now_, 10s), std::nullopt);

  EXPECT_EQ(breaker.state(), CircuitState::kHalfOpen);
  EXPECT_THAT(Report(breaker, kSuccess),
              IsTransition(CircuitState::kHalfOpen, CircuitState::kClosed, CircuitCause::kProbesSucceeded));
}

TEST_F(CircuitBreakerTest, AProbeThatNeverEndsDoesNotLockTheServiceOutForEver) {
  CircuitBreaker breaker(With([](CircuitBreakerOptions& options) { options.max_half_open = 10s; }), [] { return 0.0; });
  CircuitBreaker::Permit hung = HalfOpen(breaker);
  now_ += 10s - 1ns;
  EXPECT_TRUE(Refuses(breaker));
  EXPECT_EQ(breaker.state(), CircuitState::kHalfOpen);
  now_ += 1ns;

  const CircuitBreaker::Admission refused = breaker.Acquire(now_);

  EXPECT_FALSE(refused.permit);
  EXPECT_THAT(refused.transition, IsTransition(CircuitState::kHalfOpen, CircuitState::kOpen, CircuitCause::kProbesOverdue));
  EXPECT_EQ(refused.retry_after, refused.transition->open_for);
  now_ += *refused.retry_after;
  Report(breaker, {kSuccess, kSuccess});
  EXPECT_EQ(breaker.state(), CircuitState::kClosed);
}

TEST_F(CircuitBreakerTest, AClientThatCallsRarelyComesBackToo) {
  HalfOpen(breaker_).Settle(kSuccess, now_, 1ms);
  now_ += 1h;
  CircuitBreaker::Permit probe = Admit(breaker_);

  EXPECT_TRUE(Refuses(breaker_)) << "the probe is under way";
  EXPECT_EQ(breaker_.state(), CircuitState::kHalfOpen) << "and not overdue: it has only begun";
  EXPECT_THAT(probe.Settle(kSuccess, now_, 1ms),
              IsTransition(CircuitState::kHalfOpen, CircuitState::kClosed, CircuitCause::kProbesSucceeded));
}

TEST_F(CircuitBreakerTest, TheOpenDurationDoublesUpToTheMaximum) {
  const std::vector<Duration> durations = {Open(breaker_).open_for, Reopen(breaker_, 5s),  Reopen(breaker_, 10s),
                                           Reopen(breaker_, 20s),   Reopen(breaker_, 40s), Reopen(breaker_, 60s)};

  const auto nearly = [](Duration duration) { return ::testing::AllOf(::testing::Le(duration), ::testing::Gt(duration - 1us)); };
  EXPECT_THAT(durations, ElementsAre(nearly(5s), nearly(10s), nearly(20s), nearly(40s), nearly(60s), nearly(60s)));
}

TEST_F(CircuitBreakerTest, JitterTakesAtMostHalf) {
  random_ = 0;
  const std::vector<Duration> durations = {Open(breaker_).open_for, Reopen(breaker_, 5s), Reopen(breaker_, 10s),
                                           Reopen(breaker_, 20s), Reopen(breaker_, 40s)};

  EXPECT_THAT(durations, ElementsAre(2500ms, 5s, 10s, 20s, 30s));
}

TEST_F(CircuitBreakerTest, OpeningSoonAfterClosingLastsLonger) {
  Open(breaker_);
  now_ += 5s;
  Report(breaker_, {kSuccess, kSuccess});
  now_ += 59s;
  random_ = 0;

  EXPECT_EQ(Open(breaker_).open_for, 5s);
}

TEST_F(CircuitBreakerTest, AHealthyTimeIsForgiven) {
  Open(breaker_);
  Reopen(breaker_, 5s);
  now_ += 10s;
  Report(breaker_, {kSuccess, kSuccess});
  now_ += 60s;
  random_ = 0;

  EXPECT_EQ(Open(breaker_).open_for, 2500ms);
}

TEST_F(CircuitBreakerTest, TheLongestDurationsDoNotOverflow) {
  CircuitBreaker breaker({.minimum_calls = 1, .open_duration = Duration::max() / 3, .max_open_duration = Duration::max() / 2},
                         [] { return 0.0; });
  now_ = TimePoint{};
  const Duration first = Report(breaker, kFailure)->open_for;
  now_ += first;
  const Duration second = Report(breaker, kFailure)->open_for;

  EXPECT_NEAR(static_cast<double>(first.count()), static_cast<double>(Duration::max().count()) / 6, 1e6);
  EXPECT_NEAR(static_cast<double>(second.count()), static_cast<double>(Duration::max().count()) / 4, 1e6);
}

TEST_F(CircuitBreakerTest, ForcedOpenRefusesUntilItIsGivenBack) {
  const auto forced = breaker_.ForceOpen();
  now_ += 24h;
  const CircuitBreaker::Admission refused = breaker_.Acquire(now_);
  const auto resumed = breaker_.Resume(now_);

  EXPECT_THAT(forced, IsTransition(CircuitState::kClosed, CircuitState::kForcedOpen, CircuitCause::kForced));
  EXPECT_FALSE(refused.permit);
  EXPECT_EQ(refused.retry_after, std::nullopt);
  EXPECT_THAT(resumed, IsTransition(CircuitState::kForcedOpen, CircuitState::kClosed, CircuitCause::kForced));
  EXPECT_TRUE(breaker_.Acquire(now_).permit);
}

TEST_F(CircuitBreakerTest, ForcedClosedAdmitsWhateverFails) {
  Open(breaker_);
  breaker_.ForceClosed();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Report(breaker_, kFailure), std::nullopt);

  EXPECT_EQ(breaker_.state(), CircuitState::kForcedClosed);
}

TEST_F(CircuitBreakerTest, WhatFailedWhileForcedIsForgotten) {
  breaker_.ForceClosed();
  CircuitBreaker::Permit forced = Admit(breaker_);
  Report(breaker_, {kFailure, kFailure, kFailure});
  breaker_.Resume(now_);

  forced.Settle(kFailure, now_, 1ms);
  Report(breaker_, {kFailure, kFailure, kFailure});

  EXPECT_EQ(breaker_.state(), CircuitState::kClosed);
}

TEST_F(CircuitBreakerTest, ForcingTwiceIsOneTransition) {
  breaker_.ForceOpen();

  EXPECT_EQ(breaker_.ForceOpen(), std::nullopt);
  EXPECT_EQ(breaker_.state(), CircuitState::kForcedOpen);
}

TEST_F(CircuitBreakerTest, ThereIsNothingToResumeIfNobodyForced) {
  Open(breaker_);

  EXPECT_EQ(breaker_.Resume(now_), std::nullopt);
  EXPECT_EQ(breaker_.state(), CircuitState::kOpen);
  EXPECT_TRUE(Refuses(breaker_));
}

/// The caller's impatience is not the server's failure: attempts that ended at the deadline of a hurried caller, and losers of a
/// hedge, are ignored by the table, and so by the breaker.
TEST_F(CircuitBreakerTest, ImpatientCallersDoNotOpenIt) {
  const Judgement hurried = Judge(absl::StatusCode::kDeadlineExceeded, Ending::kCallerDeadline, nullptr);
  const Judgement cancelled = Judge(absl::StatusCode::kCancelled, Ending::kCallerCancelled, nullptr);
  for (int i = 0; i < 100; ++i) Report(breaker_, {hurried.breaker, cancelled.breaker});

  EXPECT_EQ(breaker_.state(), CircuitState::kClosed);
}

/// Threads bring their own time, and one of them may be late.
TEST_F(CircuitBreakerTest, ALateThreadDoesNoHarm) {
  Report(breaker_, {kFailure, kFailure, kFailure});
  const TimePoint late = now_ - 20s;
  for (int i = 0; i < 10; ++i) breaker_.Acquire(late).permit.Settle(kSuccess, late, 1ms);

  EXPECT_THAT(Report(breaker_, kFailure), IsTransition(CircuitState::kClosed, CircuitState::kOpen, CircuitCause::kFailureRatio));
}

TEST(CircuitStateTest, HasAName) {
  EXPECT_EQ(CircuitStateName(CircuitState::kClosed), "closed");
  EXPECT_EQ(CircuitStateName(CircuitState::kOpen), "open");
  EXPECT_EQ(CircuitStateName(CircuitState::kHalfOpen), "half-open");
  EXPECT_EQ(CircuitStateName(CircuitState::kForcedOpen), "forced open");
  EXPECT_EQ(CircuitStateName(CircuitState::kForcedClosed), "forced closed");
}

/// The state to which transitions lead from closed, one after the other; nullopt if one does not begin where the one before
/// ended.
std::optional<CircuitState> FollowTransitions(std::vector<CircuitTransition> transitions) {
  std::sort(transitions.begin(), transitions.end(), [](const auto& a, const auto& b) { return a.sequence < b.sequence; });
  CircuitState state = CircuitState::kClosed;
  for (const CircuitTransition& transition : transitions) {
    if (transition.from != state) return std::nullopt;
    state = transition.to;
  }
  return state;
}

/// One breaker, several threads, and a time that moves on with every look at it.
class CircuitBreakerThreadTest : public ::testing::Test {
 protected:
  static constexpr int kThreads = 4;
  static constexpr int kCalls = 5'000;

  /// After its first failure it is half-open for all that these tests bring it.
  static constexpr CircuitBreakerOptions kAlwaysProbing{.minimum_calls = 1,
                                                        .open_duration = 1ns,
                                                        .max_open_duration = 1ns,
                                                        .half_open_probes = 16000,
                                                        .max_probes_in_flight = 2,
                                                        .max_half_open = 24h};

  /// Runs a function on every thread: (number of the thread, number of the call).
  template <typename Function>
  void RunThreads(Function function) {
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (int call = 0; call < kCalls; ++call) function(thread, call);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  TimePoint Tick() { return TimePoint(1h) + std::chrono::microseconds(100 * ticks_.fetch_add(1)); }

  std::atomic<int64_t> ticks_{0};
};

TEST_F(CircuitBreakerThreadTest, ProbesInFlightStayBoundedAndTransitionsAreReturnedOnce) {
  CircuitBreaker breaker({.window = 1s,
                          .minimum_calls = 4,
                          .open_duration = 10ms,
                          .max_open_duration = 20ms,
                          .half_open_probes = 3,
                          .max_probes_in_flight = 2,
                          .max_half_open = 24h,
                          .consecutive_failures = 3},
                         [] { return 0.5; });
  std::vector<std::vector<CircuitTransition>> transitions(kThreads);
  const auto note = [&](int thread, const std::optional<CircuitTransition>& transition) {
    if (transition) transitions[static_cast<std::size_t>(thread)].push_back(*transition);
  };
  const auto all_transitions = [&] {
    std::vector<CircuitTransition> all;
    for (const auto& mine : transitions) all.insert(all.end(), mine.begin(), mine.end());
    return all;
  };

  // One round is mostly enough. While both probes are with threads that do not run, the others are refused all their calls.
  for (int round = 0; round < 100 && all_transitions().size() <= 100; ++round) {
    RunThreads([&](int thread, int call) {
      CircuitBreaker::Admission admission = breaker.Acquire(Tick());
      note(thread, admission.transition);
      if (call % 7 == 0) return;
      const Verdict verdict = (call / 1000) % 2 == 0 ? kFailure : kSuccess;
      note(thread, admission.permit.Settle(verdict, Tick(), 1ms));
    });
  }

  const std::vector<CircuitTransition> all = all_transitions();
  EXPECT_GT(all.size(), 100u);
  EXPECT_THAT(FollowTransitions(all), Optional(breaker.state()));
}

TEST_F(CircuitBreakerThreadTest, NeverMoreProbesThanAllowed) {
  CircuitBreaker breaker(kAlwaysProbing, [] { return 0.0; });
  breaker.Acquire(Tick()).permit.Settle(kFailure, Tick(), 1ms);
  std::atomic<int> in_flight{0};
  std::atomic<int> most{0};

  RunThreads([&](int, int) {
    CircuitBreaker::Admission admission = breaker.Acquire(Tick());
    if (!admission.permit) return;
    const int now_in_flight = in_flight.fetch_add(1) + 1;
    int seen = most.load();
    while (now_in_flight > seen && !most.compare_exchange_weak(seen, now_in_flight)) {
    }
    std::this_thread::yield();
    in_flight.fetch_sub(1);
    admission.permit.Settle(kIgnored, Tick(), 1ms);
  });

  EXPECT_EQ(breaker.state(), CircuitState::kHalfOpen);
  EXPECT_GE(most.load(), 1);
  EXPECT_LE(most.load(), 2);
  CircuitBreaker::Admission one = breaker.Acquire(Tick());
  CircuitBreaker::Admission two = breaker.Acquire(Tick());
  EXPECT_TRUE(one.permit);
  EXPECT_TRUE(two.permit) << "a place was lost";
  EXPECT_FALSE(breaker.Acquire(Tick()).permit) << "a place was given back twice";
}

TEST_F(CircuitBreakerThreadTest, AnOperatorWithNothingToGiveBackDisturbsNoProbe) {
  CircuitBreaker breaker(kAlwaysProbing, [] { return 0.0; });
  breaker.Acquire(Tick()).permit.Settle(kFailure, Tick(), 1ms);

  RunThreads([&](int thread, int) {
    if (thread == 0) {
      EXPECT_EQ(breaker.Resume(Tick()), std::nullopt);
      return;
    }
    breaker.Acquire(Tick()).permit.Settle(kIgnored, Tick(), 1ms);
  });

  CircuitBreaker::Admission one = breaker.Acquire(Tick());
  CircuitBreaker::Admission two = breaker.Acquire(Tick());
  EXPECT_TRUE(one.permit);
  EXPECT_TRUE(two.permit) << "a place was lost";
}

TEST_F(CircuitBreakerThreadTest, NoFailureIsLostOrCountedTwice) {
  CircuitBreaker breaker({.window = 24h, .minimum_calls = kThreads * kCalls, .failure_ratio = 1}, [] { return 0.0; });
  std::atomic<int> opened{0};
  std::atomic<int64_t> calls{0};

  RunThreads([&](int, int) {
    const auto transition = breaker.Acquire(Tick()).permit.Settle(kFailure, Tick(), 1ms);
    if (!transition) return;
    opened.fetch_add(1);
    calls = transition->calls;
  });

  EXPECT_EQ(opened.load(), 1);
  EXPECT_EQ(calls.load(), kThreads * kCalls);
}

TEST_F(CircuitBreakerThreadTest, AnOperatorIsHeardInAnyTurmoil) {
  CircuitBreaker breaker(
      {.window = 1s, .minimum_calls = 1, .open_duration = 1us, .max_open_duration = 1us, .half_open_probes = 1},
      [] { return 0.5; });

  RunThreads([&](int thread, int call) {
    if (thread == 0 && call % 100 == 0) {
      breaker.ForceOpen();
      EXPECT_FALSE(breaker.Acquire(Tick()).permit);
      breaker.Resume(Tick());
      return;
    }
    breaker.Acquire(Tick()).permit.Settle(call % 2 == 0 ? kFailure : kSuccess, Tick(), 1ms);
  });
  breaker.ForceClosed();

  EXPECT_EQ(breaker.state(), CircuitState::kForcedClosed);
}

}  // namespace
}  // namespace userclient::internal
