#pragma once

#include <algorithm>
#include <optional>

#include "policy/time.h"

namespace userclient::internal {

/// Below this a call cannot reach a server and come back; it is refused without being sent.
inline constexpr Duration kShortestUsefulBudget = std::chrono::milliseconds(1);

/// One absolute point in time by which a call has ended, whatever happens.
struct CallDeadline {
  TimePoint at{};
  /// The caller (or the inbound call behind it) left less time than the method is given by its config. Running out of it says
  /// nothing about the server.
  bool shortened_by_caller = false;
};

/// The call's own timeout, else the method's; never later than the parent's deadline.
inline CallDeadline PlanDeadline(TimePoint now, Duration method_timeout, std::optional<Duration> call_timeout,
                                 std::optional<TimePoint> parent_deadline) {
  // A timeout so long that the clock could not express its end means the end of the clock.
  const Duration room = TimePoint::max() - now;
  const TimePoint own = now + std::min(call_timeout.value_or(method_timeout), room);
  const TimePoint at = parent_deadline ? std::min(own, *parent_deadline) : own;
  return {.at = at, .shortened_by_caller = at < now + std::min(method_timeout, room)};
}

}  // namespace userclient::internal
