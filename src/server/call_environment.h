#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "server/admission.h"
#include "server/call_counters.h"
#include "server/worker_pool.h"
#include "userclient/server/fault_injector.h"
#include "userclient/server/received_attempt.h"

namespace userclient::internal {

/// What all calls of a server share; outlives them. All of it is thread-safe.
struct CallEnvironment {
  FaultInjector& faults;
  CallCounters& counters;
  /// Where handlers run; null: on gRPC's threads.
  WorkerPool* workers = nullptr;
  /// Sent as the trailer `x-served-by`.
  std::optional<std::string> name{};
  /// Who may call, and how many. Set before the first call.
  Admission* admission = nullptr;
  std::function<void(std::string_view)> request_log{};
  std::function<void(const ReceivedAttempt&)> on_attempt{};

  /// From when on a cancellation is the server's doing: the end of the drain, as steady_clock's duration since its epoch.
  std::atomic<std::chrono::steady_clock::rep> cut_off_at{std::numeric_limits<std::chrono::steady_clock::rep>::max()};
  std::atomic<int64_t> cut_off_calls{0};
};

}  // namespace userclient::internal
