#pragma once

#include <chrono>

#include "absl/status/status.h"
#include "call_mix.h"
#include "userclient/call_report.h"

namespace userctl {

/// What one call of a load came to.
struct CallOutcome {
  CallKind kind = CallKind::kGet;
  absl::Status status{};
  /// From when it was due, which may be before it began, to its end.
  std::chrono::nanoseconds latency{};
  userclient::CallReport report{};
  /// The person has ended the load while the call was under way.
  bool cut_off = false;
};

}  // namespace userctl
