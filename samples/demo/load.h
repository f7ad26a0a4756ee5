#pragma once

#include <functional>
#include <vector>

#include "callers.h"
#include "outcome.h"

namespace demo {

/// How much a caller has to do. Calls are spread evenly over time, so that a caller whose calls fail fast makes no more of them.
struct LoadPlan {
  int calls = 1000;
  int calls_per_second = 500;
  /// Calls in flight at most; what is due beyond that waits.
  int threads = 16;
  /// The users u-1 to u-N are asked for in turn.
  int users = 100;
};

/// Both callers do the same work in the same seconds: what happens to the servers happens to both.
struct SideBySide {
  std::vector<Outcome> plain_stub{};
  std::vector<Outcome> userclient{};
};

/// Blocks until every call has ended. `at_half` is called once, when half of the calls are due.
SideBySide Run(const LoadPlan& plan, const Caller& plain_stub, const Caller& userclient, const std::function<void()>& at_half);

}  // namespace demo
