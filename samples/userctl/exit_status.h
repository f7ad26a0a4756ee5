#pragma once

#include "absl/status/status.h"

namespace userctl {

/// How the program ends. A failed call: 64 + its gRPC code.
enum ExitStatus : int {
  kSuccess = 0,
  kCannotWrite = 1,
  kWrongUsage = 2,
};

inline int ExitStatusOf(absl::StatusCode code) { return code == absl::StatusCode::kOk ? kSuccess : 64 + static_cast<int>(code); }

}  // namespace userctl
