#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "tests/chaos/call_record.h"
#include "tests/chaos/losses.h"
#include "tests/chaos/scenario.h"
#include "tests/chaos/stall_meter.h"
#include "tests/chaos/timeline.h"

namespace userclient::chaos {

/// What some calls come to.
struct Figures {
  int64_t calls = 0;
  int64_t failed = 0;
  std::chrono::nanoseconds p50{};
  std::chrono::nanoseconds p99{};
  std::chrono::nanoseconds p999{};

  /// 0 if there were no calls: nothing has succeeded.
  double success() const { return calls == 0 ? 0 : 1 - static_cast<double>(failed) / static_cast<double>(calls); }
};

Figures FiguresOf(std::vector<CallRecord> calls);

/// What came to the servers, and what had been asked for.
struct Attempts {
  int64_t calls = 0;
  int64_t attempts = 0;

  double per_call() const { return calls == 0 ? 0 : static_cast<double>(attempts) / static_cast<double>(calls); }
};

/// What one way of calling came to in one scenario. Latencies count from when a call should have begun, and are those of all
/// calls, also of the failed ones.
struct Measures {
  Timeline timeline{};
  Figures all{};
  /// Before the fault; no calls if the fault is there from the beginning.
  Figures healthy{};
  /// From the fault to the end.
  Figures since_fault{};
  /// From a second after the fault to the healing; where there is no healing, to the end. Where nothing happens, from the
  /// beginning.
  Figures during{};
  /// From the healing to the end; where during the fault there is nobody to succeed with, from when the time for recovering is
  /// over. No calls if there is no healing.
  Figures after{};
  std::map<absl::StatusCode, int64_t> errors{};
  /// Of all callers, the disturbing ones too, in all the time.
  Attempts attempts{};
  /// The same from the fault until as long after the healing as it had lasted. Absent if there is no bar on it.
  std::optional<Attempts> storm{};
  /// From the healing to the first second in which every call succeeded; absent if there was none.
  std::optional<std::chrono::seconds> recovered{};
  /// The longest that a call lasted beyond its deadline; negative if none did.
  std::chrono::nanoseconds overrun = std::chrono::nanoseconds::min();
  /// The same without what the machine stood still between the deadline and the end of that call.
  std::chrono::nanoseconds late = std::chrono::nanoseconds::min();
  /// The longest that the machine kept a thread waiting.
  std::chrono::nanoseconds stall{};
  Losses losses{};
  /// Of the attempts, in the order of the scenario's shares; absent if there were none at all.
  std::vector<std::optional<double>> shares{};
  /// Of each second: calls that were due in it, and those of them that failed.
  std::vector<Figures> seconds{};
};

/// The calls of one kind of callers.
struct Calls {
  Callers callers{};
  std::vector<CallRecord> records{};
};

/// What follows from the calls alone; attempts, losses and shares are for others to fill in.
Measures MeasuresOf(const Scenario& scenario, const Timeline& timeline, const std::vector<Calls>& calls,
                    const std::vector<Stall>& stalls);

/// Calls of these that were due in that time.
int64_t CountDue(const std::vector<Calls>& calls, std::chrono::nanoseconds from, std::chrono::nanoseconds to);

}  // namespace userclient::chaos
