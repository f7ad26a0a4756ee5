#pragma once

#include <string>
#include <vector>

#include "telemetry/client_gauges.h"
#include "telemetry/metric.h"
#include "userclient/client_snapshot.h"

namespace userclient::internal {

/// A series of a counter.
struct CounterSeries {
  const Metric* metric = nullptr;
  LabelValues labels{};
};

/// Those of a client that alarms wait for, to be shown with 0 before anything is counted: an increase is not seen in a series
/// that begins with 1. `target`: the label of its target.
std::vector<CounterSeries> ZeroSeries(const ClientSnapshot& client, const std::string& target);

}  // namespace userclient::internal
