#pragma once

#include <string>
#include <string_view>

#include "telemetry/metric.h"

namespace userclient::internal {

/// "grpc_method", as OpenTelemetry's own exporter would write "grpc.method".
std::string PrometheusName(std::string_view name);

/// With its unit, and `_total` if it is a counter: "grpc_client_call_duration_seconds".
std::string PrometheusName(const Metric& metric);

}  // namespace userclient::internal
