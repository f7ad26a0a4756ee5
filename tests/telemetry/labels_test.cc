// The words for machines: what docs/telemetry.md lists, and one for each value.

#include "telemetry/labels.h"

#include <gtest/gtest.h>

#include <regex>
#include <string>

namespace userclient::internal {
namespace {

TEST(LabelsTest, AreWordsForMachines) {
  EXPECT_EQ(CircuitStateLabel(CircuitState::kHalfOpen), "half_open");
  EXPECT_EQ(CircuitCauseLabel(CircuitCause::kFailureRatio), "failure_ratio");
  EXPECT_EQ(RejectionLabel(Rejection::kCircuitOpen), "circuit_open");
  EXPECT_EQ(AttemptReasonLabel(AttemptReason::kFreshToken), "fresh_token");
  EXPECT_EQ(CallEndLabel(CallEnd::kAttemptsExhausted), "attempts_exhausted");
  EXPECT_EQ(AnswerSourceLabel(AnswerSource::kStale), "stale");
  EXPECT_EQ(ClientEventLabel(ClientEvent::Kind::kConfigRefused), "config_refused");
}

TEST(LabelsTest, AllOfAListHaveOne) {
  const std::regex word("[a-z_]+");
  for (const Rejection rejection : kAllRejections) EXPECT_TRUE(std::regex_match(std::string(Label(rejection)), word));
  for (const ClientEvent::Kind kind : kAllEvents) EXPECT_TRUE(std::regex_match(std::string(Label(kind)), word));
  for (const CircuitState state : kCircuitStates) EXPECT_TRUE(std::regex_match(std::string(Label(state)), word));
}

}  // namespace
}  // namespace userclient::internal
