#pragma once

#include <string>
#include <vector>

#include "tests/chaos/measures.h"
#include "tests/chaos/scenario.h"

namespace userclient::chaos {

/// How exactly userclient is held to its bars.
enum class Strictness {
  kFull,
  /// Success, loss and doubling only: what a machine that does other things as well cannot spoil.
  kNoTimes,
};

/// The bars that userclient has missed, one sentence each.
std::vector<std::string> MissedBars(const Scenario& scenario, const Measures& measures, Strictness strictness);

}  // namespace userclient::chaos
