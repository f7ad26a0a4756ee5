#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "call/compartment.h"
#include "policy/retry_throttle.h"
#include "userclient/service_config.h"

namespace userclient::internal {

/// Everything that one method's calls go by, looked up once when the client is created.
struct MethodPlan {
  /// "user.v1.UserService/GetUser"
  std::string name{};
  /// For calls that bring none of their own.
  std::chrono::nanoseconds timeout{};
  std::optional<RetryPolicy> retry_policy{};
  /// Shared by all methods of the client; null without retryThrottling.
  RetryThrottle* throttle = nullptr;
  Compartment* compartment = nullptr;
};

}  // namespace userclient::internal
