#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"

namespace userclient::chaos {

using Clock = std::chrono::steady_clock;

/// One call, from the beginning of the script.
struct CallRecord {
  /// When it should have begun, when it began, and when it ended.
  std::chrono::nanoseconds due{};
  std::chrono::nanoseconds began{};
  std::chrono::nanoseconds ended{};
  absl::StatusCode code = absl::StatusCode::kOk;

  /// What a caller has waited, also for a call that was held up before it could be made.
  std::chrono::nanoseconds latency() const { return ended - due; }
};

/// Users that callers have created, each asking once.
struct Creations {
  int64_t asked = 0;
  /// What was created, as the client says: user IDs by email.
  std::map<std::string, std::string> acknowledged{};
  /// Calls that were told that their user is there already. Nobody else creates it: one call was made into two creations, and the
  /// store refused the second.
  int64_t already_there = 0;
};

}  // namespace userclient::chaos
