#pragma once

#include <string>
#include <vector>

#include "servers.h"
#include "tally.h"

namespace demo {

/// The same work, done by both callers.
struct Comparison {
  Tally plain_stub{};
  Tally userclient{};
};

/// The numbers of both, side by side.
std::string Table(const Comparison& comparison, const std::vector<Server>& servers);

/// The errors that reached the callers.
std::string CallErrors(const Comparison& comparison);

/// What a newcomer should take home.
std::string Summary(const Comparison& comparison);

/// Asks the servers whether they have counted what the callers say that they sent. A server that is gone is left out, and said to
/// be. *Errors:* DATA_LOSS if a count differs by more than the attempts that timed out on the way.
absl::StatusOr<std::string> CheckAgainstServers(const Comparison& comparison, const std::vector<Server>& servers);

}  // namespace demo
