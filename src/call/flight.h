#pragma once

#include <memory>
#include <string>
#include <vector>

#include "policy/time.h"
#include "userclient/call_options.h"
#include "userclient/call_report.h"
#include "userclient/internal/call_engine.h"

namespace userclient::internal {

class SharedCall;

/// One request under way, and who waits for its answer.
struct Flight {
  std::string key{};
  TimePoint began{};
  TimePoint deadline{};
  /// The first caller's: its request is sent, and its responses are written to, also when that caller has left.
  std::shared_ptr<TypedCall> carrier{};

  // Filled by the time it lands.
  CallReport report{};
  ResponseMetadata metadata{};

  // Guarded by the mutex of SingleFlight.
  std::vector<std::shared_ptr<SharedCall>> waiting{};
  bool ended = false;
  /// Nobody waits: to be cancelled.
  bool abandoned = false;
  std::shared_ptr<CallHandle> handle{};
};

}  // namespace userclient::internal
