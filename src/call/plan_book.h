#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "call/compartment.h"
#include "call/method_plan.h"
#include "policy/retry_throttle.h"
#include "userclient/service_config.h"

namespace userclient::internal {

/// What all calls go by, of one version of the service config: the plan of every method, and the compartments. It never changes;
/// a new config makes a new book. A call keeps the one that it began with, so it never sees half of a change.
struct PlanBook {
  /// From 1.
  int version = 1;
  ServiceConfig config{};
  /// Null without retryThrottling.
  std::shared_ptr<RetryThrottle> throttle{};
  /// By name; "default" carries the methods that no bulkhead claims.
  std::map<std::string, std::shared_ptr<Compartment>, std::less<>> compartments{};
  /// By the position of the method in the client.
  std::vector<MethodPlan> plans{};
};

}  // namespace userclient::internal
