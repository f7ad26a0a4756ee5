#pragma once

#include <string>

#include "tests/chaos/measures.h"
#include "tests/chaos/scenario.h"
#include "tests/chaos/way.h"

namespace userclient::chaos {

/// The scenario in another time; what the servers and the client have of times of their own stays.
Scenario Scaled(Scenario scenario, double scale);

/// Starts the servers, plays the script, and measures. Blocks until every call has ended and every process is gone. On the main
/// thread, with which the servers die.
Measures Play(const Scenario& scenario, Way way, const std::string& service_config);

}  // namespace userclient::chaos
