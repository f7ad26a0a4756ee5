#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "answer.h"
#include "latency_histogram.h"
#include "userclient/observer.h"

namespace profile_service {

/// What a snapshot does not have and a page wants to plot: what happened in each of the last two minutes' seconds, by
/// compartment, and the latest events. *Thread-safe.*
class LiveFigures final : public userclient::Observer {
 public:
  static constexpr std::size_t kSeconds = 120;

  void OnAttemptEnd(const userclient::ObservedCall& call, const userclient::ObservedAttempt& attempt,
                    const userclient::AttemptReport& report, userclient::CallState* state) override;
  void OnCallEnd(const userclient::ObservedCall& call, const userclient::CallReport& report, const absl::Status& status,
                 userclient::CallState* state) override;
  void OnCircuitChange(const userclient::ObservedClient& client, std::string_view compartment,
                       const userclient::CircuitTransition& transition) override;
  void OnClientEvent(const userclient::ObservedClient& client, const userclient::ClientEvent& event) override;

  /// {"newest": unix seconds, "compartments": [{"name", "calls": [...], "failed", "rejected", "cancelled", "attempts", "p50",
  /// "p99": [...], "recent": {...}}], "events": [...]}: arrays are by second, oldest first, without the second that has only
  /// begun; "recent" is of the last ten; latencies are milliseconds, without refused and cancelled calls, and null where there
  /// was none.
  Json ToJson() const;

 private:
  struct Second {
    int64_t number = -1;
    int64_t calls = 0;
    /// Of the calls: ended with another status than OK, rejected ones included, but not those that the caller cancelled.
    int64_t failed = 0;
    int64_t rejected = 0;
    int64_t cancelled = 0;
    int64_t attempts = 0;
    int64_t failed_attempts = 0;
    LatencyHistogram latency{};

    void Add(const Second& other);
  };
  using Series = std::array<Second, kSeconds>;

  static Json SeriesJson(const std::string& name, const Series& series, int64_t now);

  /// mutex_ is held.
  Second& Present(std::string_view compartment);
  void Note(Json event);

  mutable std::mutex mutex_;
  std::map<std::string, Series, std::less<>> compartments_;
  /// Latest first.
  std::deque<Json> events_;
};

}  // namespace profile_service
