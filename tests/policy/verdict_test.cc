#include "policy/verdict.h"

#include <gtest/gtest.h>

#include <ostream>

namespace userclient::internal {
namespace {

using absl::StatusCode;

struct Row {
  StatusCode code;
  Ending ending;
  bool listed;
  bool retryable;
  Verdict breaker;
  Tokens tokens;
};

void PrintTo(const Row& row, std::ostream* out) {
  *out << absl::StatusCodeToString(row.code) << ", ending " << static_cast<int>(row.ending) << (row.listed ? ", listed" : "");
}

constexpr bool kListed = true;
constexpr bool kUnlisted = false;
constexpr bool kRetried = true;
constexpr bool kNotRetried = false;

class VerdictTest : public ::testing::TestWithParam<Row> {};

TEST_P(VerdictTest, FollowsTheTable) {
  const Row& row = GetParam();
  const RetryPolicy policy{.retryable_status_codes = row.listed ? StatusCodeSet{row.code} : StatusCodeSet{}};

  const Judgement judgement = Judge(row.code, row.ending, &policy);

  EXPECT_EQ(judgement.retryable, row.retryable);
  EXPECT_EQ(judgement.breaker, row.breaker);
  EXPECT_EQ(judgement.tokens, row.tokens);
}

INSTANTIATE_TEST_SUITE_P(
    Table, VerdictTest,
    ::testing::Values(
        Row{StatusCode::kOk, Ending::kPeer, kUnlisted, kNotRetried, Verdict::kSuccess, Tokens::kDeposit},
        // Listed: retried; the breaker sees a failure only where the server is sick.
        Row{StatusCode::kUnavailable, Ending::kPeer, kListed, kRetried, Verdict::kFailure, Tokens::kWithdraw},
        Row{StatusCode::kInternal, Ending::kPeer, kListed, kRetried, Verdict::kFailure, Tokens::kWithdraw},
        Row{StatusCode::kUnknown, Ending::kPeer, kListed, kRetried, Verdict::kFailure, Tokens::kWithdraw},
        Row{StatusCode::kDataLoss, Ending::kPeer, kListed, kRetried, Verdict::kFailure, Tokens::kWithdraw},
        Row{StatusCode::kDeadlineExceeded, Ending::kPeer, kListed, kRetried, Verdict::kFailure, Tokens::kWithdraw},
        Row{StatusCode::kAborted, Ending::kPeer, kListed, kRetried, Verdict::kIgnored, Tokens::kWithdraw},
        Row{StatusCode::kNotFound, Ending::kPeer, kListed, kRetried, Verdict::kIgnored, Tokens::kWithdraw},
        Row{StatusCode::kResourceExhausted, Ending::kPeer, kListed, kRetried, Verdict::kIgnored, Tokens::kWithdraw},
        // Not listed: not retried, and no token is taken.
        Row{StatusCode::kUnavailable, Ending::kPeer, kUnlisted, kNotRetried, Verdict::kFailure, Tokens::kKeep},
        Row{StatusCode::kInternal, Ending::kPeer, kUnlisted, kNotRetried, Verdict::kFailure, Tokens::kKeep},
        Row{StatusCode::kUnknown, Ending::kPeer, kUnlisted, kNotRetried, Verdict::kFailure, Tokens::kKeep},
        Row{StatusCode::kDataLoss, Ending::kPeer, kUnlisted, kNotRetried, Verdict::kFailure, Tokens::kKeep},
        Row{StatusCode::kResourceExhausted, Ending::kPeer, kUnlisted, kNotRetried, Verdict::kIgnored, Tokens::kKeep},
        Row{StatusCode::kInvalidArgument, Ending::kPeer, kUnlisted, kNotRetried, Verdict::kSuccess, Tokens::kKeep},
        Row{StatusCode::kNotFound, Ending::kPeer, kUnlisted, kNotRetried, Verdict::kSuccess, Tokens::kKeep},
        Row{StatusCode::kAlreadyExists, Ending::kPeer, kUnlisted, kNotRetried, Verdict::kSuccess, Tokens::kKeep},
        Row{StatusCode::kPermissionDenied, Ending::kPeer, kUnlisted, kNotRetried, Verdict::kSuccess, Tokens::kKeep},
        Row{StatusCode::kUnauthenticated, Ending::kPeer, kUnlisted, kNotRetried, Verdict::kSuccess, Tokens::kKeep},
        Row{StatusCode::kFailedPrecondition, Ending::kPeer, kUnlisted, kNotRetried, Verdict::kSuccess, Tokens::kKeep},
        Row{StatusCode::kOutOfRange, Ending::kPeer, kUnlisted, kNotRetried, Verdict::kSuccess, Tokens::kKeep},
        Row{StatusCode::kUnimplemented, Ending::kPeer, kUnlisted, kNotRetried, Verdict::kSuccess, Tokens::kKeep},
        Row{StatusCode::kAborted, Ending::kPeer, kUnlisted, kNotRetried, Verdict::kSuccess, Tokens::kKeep},
        // The four ways to run out of time.
        Row{StatusCode::kDeadlineExceeded, Ending::kAttemptTimeout, kListed, kRetried, Verdict::kFailure, Tokens::kWithdraw},
        Row{StatusCode::kDeadlineExceeded, Ending::kAttemptTimeout, kUnlisted, kNotRetried, Verdict::kFailure, Tokens::kKeep},
        Row{StatusCode::kDeadlineExceeded, Ending::kCallTimeout, kListed, kNotRetried, Verdict::kFailure, Tokens::kWithdraw},
        Row{StatusCode::kDeadlineExceeded, Ending::kCallerDeadline, kListed, kNotRetried, Verdict::kIgnored, Tokens::kKeep},
        // Cancelled by the caller, and by nobody here.
        Row{StatusCode::kCancelled, Ending::kCallerCancelled, kListed, kNotRetried, Verdict::kIgnored, Tokens::kKeep},
        Row{StatusCode::kCancelled, Ending::kPeer, kListed, kRetried, Verdict::kFailure, Tokens::kWithdraw},
        Row{StatusCode::kCancelled, Ending::kPeer, kUnlisted, kNotRetried, Verdict::kFailure, Tokens::kKeep}));

TEST(VerdictTest, TakesACancellationThatNobodyAskedForAsUnavailable) {
  const RetryPolicy policy{.retryable_status_codes = {StatusCode::kUnavailable}};

  const Judgement judgement = Judge(StatusCode::kCancelled, Ending::kPeer, &policy);

  EXPECT_TRUE(judgement.retryable);
  EXPECT_EQ(judgement.tokens, Tokens::kWithdraw);
}

TEST(VerdictTest, RetriesNothingWithoutAPolicy) {
  const Judgement judgement = Judge(StatusCode::kUnavailable, Ending::kPeer, nullptr);

  EXPECT_FALSE(judgement.retryable);
  EXPECT_EQ(judgement.breaker, Verdict::kFailure);
  EXPECT_EQ(judgement.tokens, Tokens::kKeep);
}

TEST(VerdictTest, TakesACodeThatGrpcDoesNotDefineAsUnlisted) {
  const RetryPolicy policy{.retryable_status_codes = {StatusCode::kUnavailable}};

  EXPECT_FALSE(Judge(static_cast<StatusCode>(42), Ending::kPeer, &policy).retryable);
}

}  // namespace
}  // namespace userclient::internal
