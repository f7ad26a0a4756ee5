#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "call_mix.h"

namespace userctl {

/// How many calls are made, and when.
struct LoadPlan {
  CallMix mix{};
  /// Open loop: so many calls begin in a second, whatever becomes of them. Absent: closed loop.
  std::optional<double> rate{};
  /// Open loop: a call that is due waits while so many are under way.
  int max_in_flight = 10'000;
  /// Closed loop: so many callers, each of which waits for its answer before it makes its next call.
  int concurrency = 1;
  /// So long before that, calls like those of the plan are made and not counted.
  std::optional<std::chrono::nanoseconds> warm_up{};
  /// It ends when either is reached; calls under way then go on to their end.
  std::optional<std::chrono::nanoseconds> duration{};
  std::optional<int64_t> calls{};
};

}  // namespace userctl
