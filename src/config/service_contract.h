#pragma once

/// What a service declares about its methods, without protobuf, and whether a config suits it: idempotency is declared in the
/// proto, retry numbers in the JSON, and this is where the two are married.

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "userclient/service_config.h"

namespace userclient::internal {

/// `idempotency_level` of a method.
enum class Idempotency {
  /// Not declared: may not be sent again.
  kUnknown,
  /// May be sent again, takes effect once.
  kIdempotent,
  /// May be sent again, also at the same time.
  kNoSideEffects,
};

struct MethodContract {
  std::string name{};
  Idempotency idempotency = Idempotency::kUnknown;
  /// Whether either side sends a stream of messages.
  bool streaming = false;
};

struct ServiceContract {
  /// Such as `user.v1.UserService`.
  std::string full_name{};
  std::vector<MethodContract> methods{};
};

/// OK if the config suits the service. *Errors:* INVALID_ARGUMENT naming by its path every mention of a method that the service
/// does not have; every retryPolicy that reaches (by name or wildcard) a method that may not be sent again; every hedgingPolicy,
/// staleIfError and singleFlight that reaches a method with side effects or a stream; every hedgingDelayPercentile that reaches a
/// method without hedging; and a methodConfig of which no entry applies to the service.
absl::Status CheckAgainstService(const ServiceConfig& config, const ServiceContract& service);

}  // namespace userclient::internal
