#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/chaos/load.h"
#include "tests/chaos/losses.h"
#include "tests/chaos/scenario.h"

namespace userclient::chaos {

/// What some calls come to.
struct Figures {
  int64_t calls = 0;
  int64_t failed = 0;
  std::chrono::nanoseconds p50{};
  std::chrono::nanoseconds p99{};
  std::chrono::nanoseconds p999{};

  /// 1 if there were no calls.
  double success() const { return calls == 0 ? 1 : 1 - static_cast<double>(failed) / static_cast<double>(calls); }
};

Figures FiguresOf(std::vector<CallRecord> calls);

/// What one way of calling came to in one scenario. Latencies count from when a call should have begun, and are those of all
/// calls, also of the failed ones.
struct Measures {
  Figures all{};
  /// Before the fault; no calls if the fault is there from the beginning.
  Figures healthy{};
  /// From the fault on, and from one second later on.
  Figures since_fault{};
  Figures later{};
  std::map<absl::StatusCode, int64_t> errors{};
  /// Of all callers, the disturbing ones too.
  int64_t calls = 0;
  int64_t attempts = 0;
  /// From the healing to the first second in which every call succeeded; absent if there was none.
  std::optional<std::chrono::seconds> recovered{};
  /// The longest that a call lasted beyond its deadline; negative if none did.
  std::chrono::nanoseconds overrun = std::chrono::nanoseconds::min();
  /// The longest that the machine kept a thread waiting.
  std::chrono::nanoseconds stall{};
  Losses losses{};
  /// Of each second: calls that were due in it, and those of them that failed.
  std::vector<Figures> seconds{};

  double attempts_per_call() const { return calls == 0 ? 0 : static_cast<double>(attempts) / static_cast<double>(calls); }
};

/// Fills in what follows from the calls of these callers. Times of the scenario are those that were played.
void AddCalls(const Scenario& scenario, const Callers& callers, const std::vector<CallRecord>& calls, Measures& measures);

}  // namespace userclient::chaos
