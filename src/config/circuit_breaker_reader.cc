#include "config/circuit_breaker_reader.h"

#include "config/field_order.h"
#include "config/field_tables.h"
#include "config/object_reader.h"

namespace userclient::internal {

CircuitBreakerOptions ReadCircuitBreaker(const Json& json, const Path& path, Problems& problems) {
  const ObjectReader reader(json, kCircuitBreakerSpec, path, problems);
  CircuitBreakerOptions options;
  options.window = reader.Duration("window").value_or(options.window);
  options.minimum_calls = reader.Integer("minimumCalls").value_or(options.minimum_calls);
  options.failure_ratio = reader.Number("failureRatio").value_or(options.failure_ratio);
  options.open_duration = reader.Duration("openDuration").value_or(options.open_duration);
  options.max_open_duration = reader.Duration("maxOpenDuration").value_or(options.max_open_duration);
  options.half_open_probes = reader.Integer("halfOpenProbes").value_or(options.half_open_probes);
  options.max_probes_in_flight = reader.Integer("maxProbesInFlight").value_or(options.max_probes_in_flight);
  options.max_half_open = reader.Duration("maxHalfOpen").value_or(options.max_half_open);
  options.healthy_after = reader.Duration("healthyAfter").value_or(options.healthy_after);
  options.consecutive_failures = reader.Integer("consecutiveFailures");
  options.slow_call_duration = reader.Duration("slowCallDuration");
  options.slow_call_ratio = reader.Number("slowCallRatio").value_or(options.slow_call_ratio);

  CheckAtLeast(reader, {"maxOpenDuration", options.max_open_duration}, {"openDuration", options.open_duration});
  if (reader.Has("slowCallRatio") && !reader.Has("slowCallDuration")) {
    problems.Add(reader.PathTo("slowCallRatio"), "means nothing without slowCallDuration; set that too");
  }
  return options;
}

}  // namespace userclient::internal
