#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "call/answer_plan.h"
#include "call/compartment.h"
#include "policy/latency_window.h"
#include "policy/retry_throttle.h"
#include "userclient/service_config.h"

namespace userclient::internal {

/// Everything that one method's calls go by, looked up once when the client is created.
struct MethodPlan {
  /// "user.v1.UserService/GetUser"
  std::string name{};
  /// The same with a '/' before it, as it goes on the wire.
  std::string path{};
  /// For calls that bring none of their own.
  std::chrono::nanoseconds timeout{};
  /// At most one of the two.
  std::optional<RetryPolicy> retry_policy{};
  std::optional<HedgingPolicy> hedging_policy{};
  /// The latencies of late, where the hedging delay follows them; else null.
  std::unique_ptr<LatencyWindow> latencies{};
  /// Shared by all methods of the client; null without retryThrottling.
  RetryThrottle* throttle = nullptr;
  Compartment* compartment = nullptr;

  /// The statuses after which another attempt may do better, as Judge wants them: of the retry policy, or of the hedging policy.
  std::optional<RetryPolicy> judged_by{};

  /// Null: answers come from the server, for the call that asked.
  std::unique_ptr<AnswerPlan> answers{};
};

}  // namespace userclient::internal
