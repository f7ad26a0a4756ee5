#pragma once

#include <chrono>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "userclient/user_client.h"

namespace userclient::testing {

/// Calls that come evenly, whatever becomes of those before: a slow pod does not slow the load down.
struct LoadPlan {
  int calls_per_second = 100;
  std::chrono::nanoseconds lasting = std::chrono::seconds(5);
  /// What happens in the midst of it, and when.
  std::chrono::nanoseconds event_at = std::chrono::seconds(1);
  std::function<void()> event = [] {};
};

/// Of one call. Times count from the event, so they are negative before it.
struct CallOutcome {
  std::chrono::nanoseconds began{};
  std::chrono::nanoseconds took{};
  absl::StatusCode code = absl::StatusCode::kOk;
  int attempts = 0;
};

/// What became of some calls, in the order in which they began.
class Outcomes {
 public:
  explicit Outcomes(std::vector<CallOutcome> calls) : calls_(std::move(calls)) {}

  /// The calls that began in this time.
  Outcomes Between(std::chrono::nanoseconds from, std::chrono::nanoseconds to) const;
  Outcomes From(std::chrono::nanoseconds from) const { return Between(from, std::chrono::nanoseconds::max()); }

  int count() const { return static_cast<int>(calls_.size()); }
  int Failed() const;
  /// Needed more than one attempt.
  int Retried() const;
  /// Succeeded, but not within this time.
  int Slow(std::chrono::nanoseconds limit) const;
  /// Of the seconds in which calls began, those in which none did that needed more than one attempt.
  int SecondsWithoutRetries() const;
  /// Of the seconds in which calls began, those in which none did that was slow.
  int SecondsWithoutSlow(std::chrono::nanoseconds limit) const;
  /// The time that this share of the calls did not exceed. There must be a call.
  std::chrono::nanoseconds Percentile(double share) const;
  double AttemptsPerCall() const;
  /// When the last call began that failed or was slow; zero if none was.
  std::chrono::nanoseconds LastTrouble(std::chrono::nanoseconds limit) const;

 private:
  template <typename Trouble>
  int SecondsWithout(Trouble trouble) const;

  std::vector<CallOutcome> calls_;
};

/// Gives a client the load: GetUser of users that exist. The event happens on this thread. Blocks until every call has ended.
Outcomes RunLoad(const UserClient& client, const LoadPlan& plan);

}  // namespace userclient::testing
