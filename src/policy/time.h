#pragma once

#include <chrono>

namespace userclient::internal {

/// Policies never look at a clock: whoever asks them brings the time. Steady, so a clock that is set does not move deadlines.
using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::nanoseconds;

}  // namespace userclient::internal
