#pragma once

#include <vector>

#include "tests/chaos/scenario.h"

namespace userclient::chaos {

/// All there are. To add one, add its entry.
const std::vector<Scenario>& Scenarios();

}  // namespace userclient::chaos
