#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "tests/chaos/caller.h"
#include "tests/chaos/scenario.h"

namespace userclient::chaos {

using Clock = std::chrono::steady_clock;

/// One call, from the beginning of the script.
struct CallRecord {
  /// When it should have begun, when it began, and when it ended.
  std::chrono::nanoseconds due{};
  std::chrono::nanoseconds began{};
  std::chrono::nanoseconds ended{};
  absl::StatusCode code = absl::StatusCode::kOk;

  /// What a caller has waited, also for a call that was held up before it could be made.
  std::chrono::nanoseconds latency() const { return ended - due; }
};

/// What was created, as the client says, by the email.
using Acknowledged = std::map<std::string, std::string>;

/// The calls of one kind of callers, under way.
class Load {
 public:
  /// Starts them. All must outlive it.
  Load(Caller& caller, const Callers& callers, Clock::time_point start, std::chrono::nanoseconds lasting);

  /// Blocks until every call has ended. Ends the program if one does not, long after its deadline: there is no way to go on.
  std::vector<CallRecord> Finish();

  /// After Finish.
  const Acknowledged& acknowledged() const { return acknowledged_; }

 private:
  void StartCalls(size_t first);
  void StartCall(size_t number);
  void End(size_t number, const absl::Status& status);

  Caller& caller_;
  const Callers callers_;
  const Clock::time_point start_;
  std::vector<CallRecord> calls_;
  std::atomic<int64_t> unfinished_;
  std::mutex mutex_;
  Acknowledged acknowledged_;  // Guarded by mutex_.
  std::vector<std::jthread> threads_;
};

}  // namespace userclient::chaos
