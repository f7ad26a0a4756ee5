#pragma once

#include <string>
#include <vector>

#include "tests/chaos/measures.h"
#include "tests/chaos/scenario.h"

namespace userclient::chaos {

/// How exactly userclient is held to its bars.
enum class Strictness {
  kFull,
  /// Success, loss and doubling, and deadlines within half a second: what a machine that does other things as well cannot spoil.
  kNoTimes,
};

/// The bars that userclient has missed, one sentence each; also what keeps a run from saying whether it met them.
std::vector<std::string> MissedBars(const Scenario& scenario, const Measures& measures, Strictness strictness);

}  // namespace userclient::chaos
