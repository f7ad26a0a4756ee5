#include "policy/hedge_plan.h"

#include <iterator>
#include <optional>
#include <random>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace userclient::internal {
namespace {

using absl::StatusCode;
using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Field;

const TimePoint kNow = TimePoint(1h);
const TimePoint kFarDeadline = kNow + 1h;

auto Sends(int attempts, std::optional<TimePoint> timer) {
  return AllOf(Field("send", &HedgeStep::send, attempts), Field("timer", &HedgeStep::timer, timer),
               Field("winner", &HedgeStep::winner, std::nullopt));
}

auto Waits(std::optional<TimePoint> timer) { return Sends(0, timer); }

/// For an attempt that is under way, with no timer.
auto WaitsForTheOthers() { return Waits(std::nullopt); }

auto Ends(int winner, CallEnd end) {
  return AllOf(Field("send", &HedgeStep::send, 0), Field("timer", &HedgeStep::timer, std::nullopt),
               Field("winner", &HedgeStep::winner, winner), Field("end", &HedgeStep::end, end));
}

class HedgePlanTest : public ::testing::Test {
 protected:
  static constexpr Duration kDelay = 100ms;

  HedgePlanTest() { plan_.Start(kNow); }

  AttemptEnd End(StatusCode code, Ending ending = Ending::kPeer) const {
    // Non-fatal is to hedging what retryable is to retries.
    const RetryPolicy non_fatal{.retryable_status_codes = policy_.non_fatal_status_codes};
    return {.code = code, .judgement = Judge(code, ending, &non_fatal), .ending = ending};
  }

  AttemptEnd PushBack(Pushback pushback, StatusCode code = StatusCode::kUnavailable) const {
    AttemptEnd end = End(code);
    end.pushback = pushback;
    return end;
  }

  HedgeStep Ok(int attempt, TimePoint now = kNow) { return plan_.Ended(attempt, End(StatusCode::kOk), now); }
  HedgeStep NonFatal(int attempt, TimePoint now = kNow) { return plan_.Ended(attempt, End(StatusCode::kUnavailable), now); }
  HedgeStep Fatal(int attempt, TimePoint now = kNow) { return plan_.Ended(attempt, End(StatusCode::kNotFound), now); }

  /// A throttle with more or less than half of its tokens.
  void Throttle() {
    for (int i = 0; i < 5; ++i) throttle_.Record(Tokens::kWithdraw);
  }

  const HedgingPolicy policy_{.max_attempts = 3, .hedging_delay = kDelay, .non_fatal_status_codes = {StatusCode::kUnavailable}};
  RetryThrottle throttle_{{.max_tokens = 10, .milli_token_ratio = 100}};
  HedgePlan plan_{policy_, kDelay, &throttle_, kFarDeadline};
};

TEST_F(HedgePlanTest, SendsTheFirstAttemptAtOnce) {
  HedgePlan plan(policy_, kDelay, nullptr, kFarDeadline);

  EXPECT_THAT(plan.Start(kNow), Sends(1, kNow + 100ms));
}

TEST_F(HedgePlanTest, SendsAnotherAfterEachDelayUpToTheMaximum) {
  EXPECT_THAT(plan_.Timer(kNow + 100ms), Sends(1, kNow + 200ms));
  EXPECT_THAT(plan_.Timer(kNow + 200ms), Sends(1, std::nullopt));
  EXPECT_THAT(plan_.Timer(kNow + 300ms), WaitsForTheOthers());
  EXPECT_EQ(plan_.attempts(), 3);
}

TEST_F(HedgePlanTest, ATimerThatIsEarlyIsSetAgain) { EXPECT_THAT(plan_.Timer(kNow + 99ms), Waits(kNow + 100ms)); }

TEST_F(HedgePlanTest, WithoutADelaySendsAllAtOnce) {
  HedgePlan plan(policy_, Duration::zero(), nullptr, kFarDeadline);

  EXPECT_THAT(plan.Start(kNow), Sends(3, std::nullopt));
}

TEST_F(HedgePlanTest, AQuickAnswerNeedsNoHedge) {
  EXPECT_THAT(Ok(0, kNow + 99ms), Ends(0, CallEnd::kSucceeded));
  EXPECT_EQ(plan_.attempts(), 1);
}

TEST_F(HedgePlanTest, TheHedgeMayWin) {
  plan_.Timer(kNow + 100ms);

  EXPECT_THAT(Ok(1, kNow + 105ms), Ends(1, CallEnd::kSucceeded));
}

TEST_F(HedgePlanTest, TheFirstAttemptMayStillWin) {
  plan_.Timer(kNow + 100ms);

  EXPECT_THAT(Ok(0, kNow + 105ms), Ends(0, CallEnd::kSucceeded));
}

TEST_F(HedgePlanTest, AFatalStatusEndsTheCall) {
  plan_.Timer(kNow + 100ms);

  EXPECT_THAT(Fatal(1, kNow + 105ms), Ends(1, CallEnd::kNotRetryable));
}

TEST_F(HedgePlanTest, ANonFatalStatusSendsTheNextAtOnce) { EXPECT_THAT(NonFatal(0, kNow + 10ms), Sends(1, kNow + 110ms)); }

TEST_F(HedgePlanTest, ANonFatalStatusDoesNotDisturbTheOthers) {
  plan_.Timer(kNow + 100ms);

  EXPECT_THAT(NonFatal(0, kNow + 110ms), Sends(1, std::nullopt));
  EXPECT_THAT(NonFatal(2, kNow + 120ms), WaitsForTheOthers());
  EXPECT_THAT(Ok(1, kNow + 130ms), Ends(1, CallEnd::kSucceeded));
}

TEST_F(HedgePlanTest, IfAllFailTheCallEndsWithTheLast) {
  plan_.Timer(kNow + 100ms);
  plan_.Timer(kNow + 200ms);
  NonFatal(2, kNow + 210ms);
  NonFatal(0, kNow + 220ms);

  EXPECT_THAT(NonFatal(1, kNow + 230ms), Ends(1, CallEnd::kAttemptsExhausted));
}

TEST_F(HedgePlanTest, LosersAreOfNoInterest) {
  plan_.Timer(kNow + 100ms);
  Ok(1, kNow + 110ms);
  const double tokens = throttle_.tokens();

  EXPECT_THAT(plan_.Ended(0, End(StatusCode::kCancelled, Ending::kCallerCancelled), kNow + 111ms), WaitsForTheOthers());
  EXPECT_THAT(plan_.Timer(kNow + 200ms), WaitsForTheOthers());
  EXPECT_EQ(throttle_.tokens(), tokens);
}

/// Trap: the CANCELLED of a loser is the doing of the client, not of the server.
TEST_F(HedgePlanTest, LosersDoNotCountAgainstTheServer) {
  const AttemptEnd loser = End(StatusCode::kCancelled, Ending::kCallerCancelled);

  EXPECT_EQ(loser.judgement.breaker, Verdict::kIgnored);
  EXPECT_EQ(loser.judgement.tokens, Tokens::kKeep);
}

TEST_F(HedgePlanTest, AnExhaustedThrottleHoldsBackHedges) {
  Throttle();

  EXPECT_THAT(plan_.Timer(kNow + 100ms), WaitsForTheOthers());
  EXPECT_EQ(plan_.attempts(), 1);
}

TEST_F(HedgePlanTest, AnExhaustedThrottleNeverFailsTheCall) {
  Throttle();
  plan_.Timer(kNow + 100ms);

  EXPECT_THAT(Ok(0, kNow + 150ms), Ends(0, CallEnd::kSucceeded));
}

TEST_F(HedgePlanTest, AnExhaustedThrottleWaitsForTheHedgesUnderWay) {
  plan_.Timer(kNow + 100ms);
  Throttle();

  EXPECT_THAT(NonFatal(0, kNow + 150ms), WaitsForTheOthers());
  EXPECT_THAT(Ok(1, kNow + 160ms), Ends(1, CallEnd::kSucceeded));
}

TEST_F(HedgePlanTest, AnExhaustedThrottleEndsACallThatHasFailed) {
  Throttle();

  EXPECT_THAT(NonFatal(0, kNow + 10ms), Ends(0, CallEnd::kThrottled));
}

TEST_F(HedgePlanTest, TheFirstAttemptIsSentWhateverTheThrottleSays) {
  Throttle();
  HedgePlan plan(policy_, Duration::zero(), &throttle_, kFarDeadline);

  EXPECT_THAT(plan.Start(kNow), Sends(1, std::nullopt));
}

TEST_F(HedgePlanTest, AttemptsMoveTheTokens) {
  plan_.Timer(kNow + 100ms);
  NonFatal(0, kNow + 110ms);
  EXPECT_EQ(throttle_.tokens(), 9);

  Ok(1, kNow + 120ms);
  EXPECT_EQ(throttle_.tokens(), 9.1);
}

TEST_F(HedgePlanTest, AFatalStatusMovesNoToken) {
  Fatal(0);

  EXPECT_EQ(throttle_.tokens(), 10);
}

TEST_F(HedgePlanTest, APushbackThatSaysStopStopsHedging) {
  plan_.Timer(kNow + 100ms);

  EXPECT_THAT(plan_.Ended(0, PushBack({.stop = true}), kNow + 110ms), WaitsForTheOthers());
  EXPECT_THAT(plan_.Timer(kNow + 200ms), WaitsForTheOthers());
  EXPECT_THAT(Ok(1, kNow + 210ms), Ends(1, CallEnd::kSucceeded));
}

TEST_F(HedgePlanTest, APushbackThatSaysStopEndsACallWithNothingElseUnderWay) {
  EXPECT_THAT(plan_.Ended(0, PushBack({.stop = true}), kNow + 10ms), Ends(0, CallEnd::kPushedBack));
}

TEST_F(HedgePlanTest, APushbackThatSaysStopTakesATokenWhateverTheStatus) {
  plan_.Ended(0, PushBack({.stop = true}, StatusCode::kNotFound), kNow);

  EXPECT_EQ(throttle_.tokens(), 9);
}

TEST_F(HedgePlanTest, APushbackSaysWhenToSendTheNext) {
  EXPECT_THAT(plan_.Ended(0, PushBack({.delay = 500ms}), kNow + 10ms), Waits(kNow + 510ms));
  EXPECT_THAT(plan_.Timer(kNow + 510ms), Sends(1, kNow + 610ms));
}

TEST_F(HedgePlanTest, APushbackReplacesTheHedgeThatWasDue) {
  plan_.Timer(kNow + 100ms);

  EXPECT_THAT(plan_.Ended(0, PushBack({.delay = 500ms}), kNow + 110ms), Waits(kNow + 610ms));
  EXPECT_THAT(plan_.Timer(kNow + 200ms), Waits(kNow + 610ms));
}

TEST_F(HedgePlanTest, APushbackOfZeroSendsTheNextAtOnce) {
  EXPECT_THAT(plan_.Ended(0, PushBack({.delay = 0ms}), kNow + 10ms), Sends(1, kNow + 110ms));
}

TEST_F(HedgePlanTest, APushbackAfterTheLastAttemptIsTooLate) {
  plan_.Timer(kNow + 100ms);
  plan_.Timer(kNow + 200ms);
  NonFatal(0, kNow + 210ms);
  NonFatal(1, kNow + 210ms);

  EXPECT_THAT(plan_.Ended(2, PushBack({.delay = 10ms}), kNow + 220ms), Ends(2, CallEnd::kAttemptsExhausted));
}

/// Trap: a pushback of 2 s with 1 s left is answered at once with the server's status.
TEST_F(HedgePlanTest, APushbackBeyondTheDeadlineEndsTheCallAtOnce) {
  HedgePlan plan(policy_, kDelay, nullptr, kNow + 1s);
  plan.Start(kNow);

  EXPECT_THAT(plan.Ended(0, PushBack({.delay = 2s}), kNow), Ends(0, CallEnd::kDeadline));
}

TEST_F(HedgePlanTest, APushbackThatIsOverMeetsTheThrottleAgain) {
  plan_.Ended(0, PushBack({.delay = 500ms}), kNow);
  Throttle();

  EXPECT_THAT(plan_.Timer(kNow + 500ms), Ends(0, CallEnd::kThrottled));
}

TEST_F(HedgePlanTest, NoHedgeIsDueAfterTheDeadline) {
  HedgePlan plan(policy_, kDelay, nullptr, kNow + 50ms);

  EXPECT_THAT(plan.Start(kNow), Sends(1, std::nullopt));
}

TEST_F(HedgePlanTest, WithoutAKnownPercentileOnlyAFailureSendsTheNext) {
  HedgePlan plan(policy_, std::nullopt, nullptr, kFarDeadline);
  EXPECT_THAT(plan.Start(kNow), Sends(1, std::nullopt));

  EXPECT_THAT(plan.Ended(0, End(StatusCode::kUnavailable), kNow + 10ms), Sends(1, std::nullopt));
}

TEST_F(HedgePlanTest, TheCallersCancellationEndsTheCall) {
  plan_.Timer(kNow + 100ms);

  EXPECT_THAT(plan_.Ended(1, End(StatusCode::kCancelled, Ending::kCallerCancelled), kNow), Ends(1, CallEnd::kCancelled));
}

TEST_F(HedgePlanTest, TheDeadlineEndsTheCall) {
  for (Ending ending : {Ending::kCallTimeout, Ending::kCallerDeadline}) {
    HedgePlan plan(policy_, kDelay, nullptr, kFarDeadline);
    plan.Start(kNow);

    EXPECT_THAT(plan.Ended(0, End(StatusCode::kDeadlineExceeded, ending), kNow), Ends(0, CallEnd::kDeadline));
  }
}

TEST_F(HedgePlanTest, ACancellationThatNobodyAskedForIsUnavailable) {
  EXPECT_THAT(plan_.Ended(0, End(StatusCode::kCancelled), kNow + 10ms), Sends(1, kNow + 110ms));
}

TEST_F(HedgePlanTest, ACommittedAttemptEndsTheCall) {
  AttemptEnd committed = End(StatusCode::kUnavailable);
  committed.committed = true;
  plan_.Timer(kNow + 100ms);

  EXPECT_THAT(plan_.Ended(0, committed, kNow + 110ms), Ends(0, CallEnd::kCommitted));
}

TEST_F(HedgePlanTest, ARefusedFirstAttemptEndsTheCall) {
  EXPECT_THAT(plan_.Refused(0, kNow, CallEnd::kCircuitOpen), Ends(0, CallEnd::kRejected));
  EXPECT_EQ(plan_.attempts(), 0);
}

TEST_F(HedgePlanTest, ARefusedHedgeIsAsIfItWereNotDueYet) {
  plan_.Timer(kNow + 100ms);

  EXPECT_THAT(plan_.Refused(1, kNow + 100ms, CallEnd::kCircuitOpen), Waits(kNow + 200ms));
  EXPECT_EQ(plan_.attempts(), 1);
  EXPECT_THAT(plan_.Timer(kNow + 200ms), Sends(1, kNow + 300ms));
  EXPECT_THAT(plan_.Timer(kNow + 300ms), Sends(1, std::nullopt));
  EXPECT_EQ(plan_.attempts(), 3);
}

TEST_F(HedgePlanTest, ARefusedHedgeNeverFailsTheCall) {
  plan_.Timer(kNow + 100ms);
  plan_.Refused(1, kNow + 100ms, CallEnd::kCircuitOpen);

  EXPECT_THAT(Ok(0, kNow + 150ms), Ends(0, CallEnd::kSucceeded));
}

TEST_F(HedgePlanTest, ARefusedHedgeMovesNoToken) {
  plan_.Timer(kNow + 100ms);
  plan_.Refused(1, kNow + 100ms, CallEnd::kCircuitOpen);

  EXPECT_EQ(throttle_.tokens(), 10);
}

TEST_F(HedgePlanTest, IfTheNextIsRefusedTheCallEndsWithTheFailureThatCameFirst) {
  NonFatal(0, kNow + 10ms);

  EXPECT_THAT(plan_.Refused(1, kNow + 10ms, CallEnd::kCircuitOpen), Ends(0, CallEnd::kCircuitOpen));
}

TEST_F(HedgePlanTest, WithoutADelayARefusedHedgeIsNotTriedOverAndOver) {
  HedgePlan plan(policy_, Duration::zero(), nullptr, kFarDeadline);
  plan.Start(kNow);
  EXPECT_THAT(plan.Refused(1, kNow, CallEnd::kCircuitOpen), WaitsForTheOthers());
  EXPECT_THAT(plan.Refused(2, kNow, CallEnd::kCircuitOpen), WaitsForTheOthers());

  EXPECT_THAT(plan.Ended(0, End(StatusCode::kUnavailable), kNow + 10ms), Sends(2, std::nullopt));
}

TEST_F(HedgePlanTest, IfAllAreRefusedTheCallIsRejected) {
  HedgePlan plan(policy_, Duration::zero(), nullptr, kFarDeadline);
  plan.Start(kNow);
  plan.Refused(0, kNow, CallEnd::kCircuitOpen);
  plan.Refused(1, kNow, CallEnd::kCircuitOpen);

  EXPECT_THAT(plan.Refused(2, kNow, CallEnd::kCircuitOpen), Ends(2, CallEnd::kRejected));
}

TEST(HedgingDelayTest, FollowsThePercentileWithinItsBounds) {
  EXPECT_EQ(HedgingDelay(20ms, 500ms), Duration(20ms));
  EXPECT_EQ(HedgingDelay(20us, 500ms), Duration(1ms));
  EXPECT_EQ(HedgingDelay(2s, 500ms), Duration(500ms));
  EXPECT_EQ(HedgingDelay(std::nullopt, 500ms), std::nullopt);
}

/// One call whose attempts end, or are refused, in a random order.
class RandomCall {
 public:
  explicit RandomCall(unsigned seed) : dice_(seed) {}

  /// Lets it come to its end. What is checked on the way: it never has more attempts than the policy allows, never waits for
  /// nothing, and ends at once with the first answer that settles it.
  void Run() {
    Follow(plan_.Start(now_));
    while (!winner_ && !::testing::Test::HasFatalFailure()) Next();
    EXPECT_THAT(plan_.Timer(now_ + 1h), WaitsForTheOthers());
  }

 private:
  int Roll(int sides) { return static_cast<int>(dice_() % static_cast<unsigned>(sides)); }

  void Next() {
    ASSERT_LT(++events_, 1000) << "never ends";
    if (timer_ && (under_way_.empty() || Roll(2) == 0)) {
      ASSERT_GT(*timer_, now_);
      now_ = *timer_;
      Follow(plan_.Timer(now_));
      return;
    }
    const int attempt = *std::next(under_way_.begin(), Roll(static_cast<int>(under_way_.size())));
    under_way_.erase(attempt);
    now_ += std::chrono::milliseconds(Roll(5));
    if (Roll(4) == 0) {
      Refuse(attempt);
    } else {
      EndAttempt(attempt);
    }
  }

  void Refuse(int attempt) {
    Follow(plan_.Refused(attempt, now_, CallEnd::kCircuitOpen));
    ASSERT_EQ(winner_.has_value(), under_way_.empty());
    if (!winner_) return;
    // A failure that a server gave says more than a refusal.
    EXPECT_TRUE(failed_.empty() ? *winner_ == attempt : failed_.contains(*winner_));
  }

  void EndAttempt(int attempt) {
    const StatusCode codes[] = {StatusCode::kOk, StatusCode::kNotFound, StatusCode::kUnavailable, StatusCode::kUnavailable};
    const Pushback pushbacks[] = {{}, {}, {.stop = true}, {.delay = std::chrono::milliseconds(Roll(300))}};
    const StatusCode code = codes[Roll(4)];
    AttemptEnd end{.code = code, .judgement = Judge(code, Ending::kPeer, &non_fatal_)};
    if (code != StatusCode::kOk) end.pushback = pushbacks[Roll(4)];
    failed_.insert(attempt);
    Follow(plan_.Ended(attempt, end, now_));
    EXPECT_TRUE(!winner_ || *winner_ == attempt);
    EXPECT_TRUE(winner_ || code == StatusCode::kUnavailable);
  }

  void Follow(const HedgeStep& step) {
    for (int i = 0; i < step.send; ++i) under_way_.insert(asked_++);
    timer_ = step.timer;
    winner_ = step.winner;
    ASSERT_LE(plan_.attempts(), policy_.max_attempts);
    ASSERT_TRUE(winner_ || timer_ || !under_way_.empty()) << "waits for nothing";
    ASSERT_TRUE(!winner_ || (step.send == 0 && !timer_)) << "goes on after its end";
  }

  std::mt19937 dice_;
  const HedgingPolicy policy_{.max_attempts = 2 + Roll(5), .non_fatal_status_codes = {StatusCode::kUnavailable}};
  const RetryPolicy non_fatal_{.retryable_status_codes = policy_.non_fatal_status_codes};
  const std::optional<Duration> delays_[4] = {std::nullopt, 0ms, 10ms, 10ms};
  RetryThrottle throttle_{{.max_tokens = 4, .milli_token_ratio = 500}};
  TimePoint now_ = kNow;
  HedgePlan plan_{policy_, delays_[Roll(4)], &throttle_, kNow + 200ms};

  int events_ = 0;
  int asked_ = 0;
  std::set<int> under_way_{};
  std::set<int> failed_{};
  std::optional<TimePoint> timer_{};
  std::optional<int> winner_{};
};

TEST(HedgePlanPropertyTest, EveryCallEndsOnceWhateverHappensToItsAttempts) {
  for (unsigned seed = 0; seed < 20'000 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    RandomCall(seed).Run();
  }
}

}  // namespace
}  // namespace userclient::internal
