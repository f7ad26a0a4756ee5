#pragma once

/// What really happened during one call: every attempt, where it went, how long it took, why there was another one.
///
///   absl::StatusOr<user::v1::GetUserResponse> user = client->GetUser(request);
///   if (std::optional<userclient::CallReport> report = userclient::ReportOf(user.status())) std::cerr <<
///   userclient::Explain(*report);
///
/// A failed call carries its report in its status. To have the report of a call that succeeds, pass CallOptions::report.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "userclient/rejection.h"

namespace userclient {

/// Why an attempt was made.
enum class AttemptReason {
  kFirst = 1,
  /// After a retryable failure, when the backoff of the retry policy had passed.
  kRetry = 2,
  /// After a failure for which the server itself said when to come back (`grpc-retry-pushback-ms`).
  kPushback = 3,
  /// By a hedging policy: beside an attempt that had not answered yet, or at once after one that failed.
  kHedge = 4,
  /// The server refused the bearer token (UNAUTHENTICATED), and there is a newer one. Once for an attempt, at once, and not
  /// counted against maxAttempts: a server that does not know the caller has done nothing for it.
  kFreshToken = 5,
  /// A stream that broke off goes on where it was.
  kResume = 6,
};

/// Why there was no further attempt.
enum class CallEnd {
  kSucceeded = 1,
  /// The method has no retryPolicy.
  kNoRetryPolicy = 2,
  /// retryableStatusCodes does not list this status.
  kNotRetryable = 3,
  kAttemptsExhausted = 4,
  /// retryThrottling: too many failures of late.
  kThrottled = 5,
  /// The server asked not to retry.
  kPushedBack = 6,
  /// The deadline passed, or would have passed before the next attempt.
  kDeadline = 7,
  /// The server had sent response headers, which commits the call (gRFC A6).
  kCommitted = 8,
  /// The caller cancelled.
  kCancelled = 9,
  /// Refused before the first attempt; see RejectionOf, or the message of INVALID_ARGUMENT.
  kRejected = 10,
  /// The compartment's breaker opened, or its last seat was taken, before the next attempt could be made.
  kCircuitOpen = 11,
  kBulkheadFull = 12,
};

/// Where the answer came from.
enum class AnswerSource {
  /// From the server, for this call; or there was none.
  kServer = 1,
  /// Also from the server, but for another call that asked the same (singleFlight): the attempts are those of that call, of
  /// which some may have started before this one did.
  kShared = 2,
  /// An earlier answer to the same request (staleIfError), because the call failed.
  kStale = 3,
  /// CallOptions::fallback or ClientOptions::fallbacks, because the call failed.
  kFallback = 4,
};

/// "retry", "attempts exhausted": for people.
std::string_view AttemptReasonName(AttemptReason reason);
std::string_view CallEndName(CallEnd end);
/// "fresh_token", "attempts_exhausted", "stale": for machines. The words of logs, metrics and JSON.
std::string_view AttemptReasonLabel(AttemptReason reason);
std::string_view CallEndLabel(CallEnd end);
std::string_view AnswerSourceLabel(AnswerSource source);

struct AttemptReport {
  AttemptReason reason = AttemptReason::kFirst;
  /// As gRPC names it, for example "ipv4:127.0.0.2:50051". Empty if there was no connection, and where gRPC forgets it: of
  /// an attempt that ran into its deadline before any answer came, or that a proxy answered with an HTTP status and nothing of
  /// gRPC's.
  std::string peer{};
  /// What was waited before this attempt: backoff or pushback.
  std::chrono::nanoseconds waited{};
  /// From the start of the call to the start of this attempt; negative if another call had made it before (kShared).
  std::chrono::nanoseconds started{};
  std::chrono::nanoseconds duration{};
  /// Code and message as the server gave them.
  absl::Status status{};
};

struct CallReport {
  /// "user.v1.UserService/GetUser"
  std::string method{};
  /// The compartment that carried the call.
  std::string compartment{};
  /// From the start of the call to its deadline; zero without one, as for a watch.
  std::chrono::nanoseconds budget{};
  std::chrono::nanoseconds duration{};
  /// In the order in which they were started; empty for a rejection.
  std::vector<AttemptReport> attempts{};
  CallEnd end = CallEnd::kSucceeded;
  /// What the call returned; or would have, if nothing had stood in for its answer (kStale, kFallback).
  absl::StatusCode code = absl::StatusCode::kOk;
  AnswerSource source = AnswerSource::kServer;
  /// kStale: how long ago the server gave this answer.
  std::chrono::nanoseconds age{};
  /// kRejected: what the client refused it for; absent if its options could not be used (INVALID_ARGUMENT), or the
  /// system gave no thread to read a stream with (RESOURCE_EXHAUSTED).
  std::optional<Rejection> rejection{};
};

/// The report inside the status of a failed call; nullopt for a status that no call of this library returned.
std::optional<CallReport> ReportOf(const absl::Status& status);

/// The report as text for a person: one line for the call, one for each attempt.
std::string Explain(const CallReport& report);

}  // namespace userclient
