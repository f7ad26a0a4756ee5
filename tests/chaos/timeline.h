#pragma once

#include <chrono>
#include <optional>

namespace userclient::chaos {

/// When things really happened, since the beginning of the script.
struct Timeline {
  /// When the first step began. Zero if there is none: what is wrong is wrong from the beginning.
  std::chrono::nanoseconds fault{};
  /// When the last step had ended. Absent if there is none.
  std::optional<std::chrono::nanoseconds> healed{};
  /// From here on no call was due.
  std::chrono::nanoseconds end{};
  /// By how much the latest step came after its time.
  std::chrono::nanoseconds late{};

  /// How long the fault lasted.
  std::chrono::nanoseconds outage() const { return healed.value_or(end) - fault; }
};

}  // namespace userclient::chaos
