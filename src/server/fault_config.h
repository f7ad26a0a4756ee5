#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "userclient/server/fault_injector.h"

namespace userclient::internal {

/// One entry of `faults`: a fault with a probability, or a script.
struct FaultEntry {
  /// "*" for any.
  std::string method{};
  /// Of the single step, for an entry that is not a script.
  double probability = 1;
  /// How often an entry that is not a script applies at most.
  std::optional<int> times{};
  bool is_script = false;
  bool repeat = false;
  std::vector<Fault> steps{};
};

struct FaultConfig {
  std::optional<uint64_t> seed{};
  std::vector<FaultEntry> entries{};
};

/// Reads the JSON described in fault_injector.h. *Errors:* INVALID_ARGUMENT, one line `path: reason` for every mistake.
absl::StatusOr<FaultConfig> ParseFaultConfig(std::string_view json);

/// *Errors:* INVALID_ARGUMENT for a method that faults cannot be injected into.
absl::Status CheckFaultMethod(std::string_view method);

/// *Errors:* INVALID_ARGUMENT for a fault that cannot be, for example one that both hangs and fails, or that this method, or any
/// that
/// `*` stands for, cannot meet.
absl::Status CheckFault(std::string_view method, const Fault& fault);

}  // namespace userclient::internal
