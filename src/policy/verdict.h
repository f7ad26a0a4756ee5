#pragma once

#include "absl/status/status.h"
#include "userclient/service_config.h"

namespace userclient::internal {

/// What the end of an attempt says about the server.
enum class Verdict { kSuccess, kFailure, kIgnored };

/// What it does to the retry throttle.
enum class Tokens { kKeep, kDeposit, kWithdraw };

/// Who ended an attempt.
enum class Ending {
  /// The server's status, or the network's.
  kPeer,
  /// perAttemptRecvTimeout ran out.
  kAttemptTimeout,
  /// The method's own timeout ran out.
  kCallTimeout,
  /// The attempt had less time than it is given by the config, because the caller left less or earlier attempts took it; and that
  /// ran out.
  kCallerDeadline,
  /// The caller cancelled.
  kCallerCancelled,
};

struct Judgement {
  /// The retry policy lists this status. Whether there is a retry is RetryPlan's to say.
  bool retryable = false;
  Verdict breaker = Verdict::kIgnored;
  Tokens tokens = Tokens::kKeep;
};

/// The one table that all policies go by (docs/life_of_a_call.md shows it). `retry_policy` may be null: a method that is not
/// retried. CANCELLED that nobody here asked for is a server going down, and stands for UNAVAILABLE.
Judgement Judge(absl::StatusCode code, Ending ending, const RetryPolicy* retry_policy);

}  // namespace userclient::internal
