#pragma once

#include <array>
#include <string>
#include <string_view>

#include "tests/support/pod.h"

namespace userclient::testing {

/// What can be wrong with a pod that DNS still names.
enum class Sickness {
  /// The process stands still. Connections stay, and the kernel acknowledges what is sent to it.
  kHangs,
  /// Nothing comes from its address any more, as from a machine that is cut off. Only in a private network.
  kBlackHole,
  /// The process is gone, and connections are refused.
  kRefuses,
  /// It answers after 500 ms, a hundred times as late as the others.
  kSlow,
  /// It answers at once with UNAVAILABLE.
  kUnavailable,
};

inline constexpr std::array kSicknesses = {Sickness::kHangs, Sickness::kBlackHole, Sickness::kRefuses, Sickness::kSlow,
                                           Sickness::kUnavailable};

/// "hangs", "black-hole", ...
std::string_view SicknessName(Sickness sickness);

/// Makes it answer after 5 ms, as a healthy pod with something to do.
void MakeHealthy(Pod& pod);

/// Makes a healthy pod sick.
void MakeSick(Pod& pod, Sickness sickness);

}  // namespace userclient::testing
