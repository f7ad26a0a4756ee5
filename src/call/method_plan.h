#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "call/answer_plan.h"
#include "call/client_observers.h"
#include "call/compartment.h"
#include "call/connection_trouble.h"
#include "policy/latency_window.h"
#include "policy/retry_throttle.h"
#include "userclient/service_config.h"

namespace userclient::internal {

/// Everything that one method's calls go by. Part of a PlanBook.
struct MethodPlan {
  /// "user.v1.UserService/GetUser"
  std::string name{};
  /// For calls that bring none of their own.
  std::chrono::nanoseconds timeout{};
  /// At most one of the two.
  std::optional<RetryPolicy> retry_policy{};
  std::optional<HedgingPolicy> hedging_policy{};
  /// The latencies of late, where the hedging delay follows them; else null.
  std::shared_ptr<LatencyWindow> latencies{};
  /// Shared by all methods of the client; null without retryThrottling.
  std::shared_ptr<RetryThrottle> throttle{};
  std::shared_ptr<Compartment> compartment{};
  /// For calls that find no server; null where channels are not the client's own.
  std::shared_ptr<ConnectionTrouble> trouble{};

  /// Null: nobody observes.
  std::shared_ptr<const ClientObservers> observers{};

  /// The statuses after which another attempt may do better, as Judge wants them: of the retry policy, or of the hedging policy.
  std::optional<RetryPolicy> judged_by{};

  /// Null: answers come from the server, for the call that asked.
  std::shared_ptr<const AnswerPlan> answers{};

  /// Only an asynchronous call can have several attempts under way (hedging), or be shared (singleFlight).
  bool waits_on_async() const { return hedging_policy || (answers != nullptr && answers->flights != nullptr); }
};

}  // namespace userclient::internal
