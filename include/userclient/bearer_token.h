#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace userclient {

/// A token that proves to a server who calls. It is never logged, and no report shows it: there is no way to print one.
struct BearerToken {
  /// What follows `Bearer ` in the header `authorization`: visible ASCII characters, and no spaces.
  std::string text{};
  /// How long it is good for, from now on (`expires_in` of OAuth 2). Absent: until a server refuses it.
  std::optional<std::chrono::nanoseconds> expires_in{};
};

/// Where tokens come from: an OAuth 2 endpoint, a security token service, a vault. May block: it has a thread of its own. Called
/// once for all callers, and not again before its token is about to expire, or a server has refused it; after an error, with
/// pauses that grow to a minute. What it throws is an error, INTERNAL.
///
/// A call of it may outlast the client by as long as it takes, so it should own what it uses.
using TokenSource = std::function<absl::StatusOr<BearerToken>()>;

}  // namespace userclient
