#pragma once

/// Why the client itself refused a call, before anything was sent.
///
///   absl::StatusOr<user::v1::GetUserResponse> user = client->GetUser(request);
///   if (!user.ok() && userclient::RejectionOf(user.status()) == userclient::Rejection::kCircuitOpen) ...
///
/// A rejection never counts against the server and is never retried. Without one, the status came from the server, from the
/// network, or from a deadline that ran out on the way.

#include <chrono>
#include <optional>
#include <string_view>

#include "absl/status/status.h"

namespace userclient {

enum class Rejection {
  /// RESOURCE_EXHAUSTED: the method's compartment has no seat free.
  kBulkheadFull = 1,
  /// UNAVAILABLE: the breaker of the method's compartment is open.
  kCircuitOpen = 2,
  /// UNAVAILABLE: the client sends less because the server refuses too much. No call is refused for this reason yet.
  kThrottled = 3,
  /// DEADLINE_EXCEEDED: less than a millisecond was left when the call began, or when a seat came free, so it could not have
  /// succeeded.
  kDeadlineTooShort = 4,
  /// UNAVAILABLE: the client has been shut down.
  kShutdown = 5,
};

/// "kBulkheadFull" and so on: for people, who look it up here.
std::string_view RejectionName(Rejection rejection);
/// "bulkhead_full": for machines. The word of logs, metrics and JSON.
std::string_view RejectionLabel(Rejection rejection);

/// The rejection that a status carries; nullopt for every status that is not a local refusal.
std::optional<Rejection> RejectionOf(const absl::Status& status);

/// How long an open breaker will go on refusing (kCircuitOpen); nullopt if nobody can tell.
std::optional<std::chrono::nanoseconds> RetryAfterOf(const absl::Status& status);

}  // namespace userclient
