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
/// compartment and by endpoint, and the latest events. *Thread-safe.*
class LiveFigures final : public userclient::Observer {
 public:
  static constexpr std::size_t kSeconds = 120;
  /// Further ones are counted together, as kOthers, until one of these has not been used for as long as anything is kept.
  static constexpr std::size_t kMostEndpoints = 500;
  static constexpr char kOthers[] = "others";

  void OnAttemptEnd(const userclient::ObservedCall& call, const userclient::ObservedAttempt& attempt,
                    const userclient::AttemptReport& report, userclient::CallState* state) override;
  void OnCallEnd(const userclient::ObservedCall& call, const userclient::CallReport& report, const absl::Status& status,
                 userclient::CallState* state) override;
  void OnCircuitChange(const userclient::ObservedClient& client, std::string_view compartment,
                       const userclient::CircuitTransition& transition) override;
  void OnClientEvent(const userclient::ObservedClient& client, const userclient::ClientEvent& event) override;

  /// {"newest": unix seconds, "all": {...}, "compartments": [{"name", "calls": [...], "failed", "declined", "rejected",
  /// "cancelled", "attempts", "p50", "p99": [...], "recent": {...}}], "endpoints": [{"peer", "attempts": [...], "failed",
  /// "recent": {...}}], "events": [...]}: arrays are by second, oldest first, without the second that has only begun; "recent" is
  /// of the last ten; latencies are milliseconds, without refused and cancelled calls, and null where there was none. Endpoints
  /// are those with an attempt in these seconds, called what gRPC calls them; "" has those that failed and that nobody answered.
  Json ToJson() const;

 private:
  struct Second {
    int64_t number = -1;
    int64_t calls = 0;
    /// Of the calls: ended with another status than OK, declined and rejected ones included, but not those that the caller
    /// cancelled.
    int64_t failed = 0;
    /// Of the failed ones: the server is well and said that the request was wrong, as with NOT_FOUND.
    int64_t declined = 0;
    int64_t rejected = 0;
    int64_t cancelled = 0;
    int64_t attempts = 0;
    int64_t failed_attempts = 0;
    LatencyHistogram latency{};

    void Add(const Second& other);
  };
  using Series = std::array<Second, kSeconds>;

  /// Of one endpoint, in one second.
  struct EndpointSecond {
    int64_t number = -1;
    /// That have ended.
    int64_t attempts = 0;
    /// Of these, those whose status speaks against the server: neither declined nor cancelled.
    int64_t failed = 0;
    std::chrono::nanoseconds took{};
  };
  using EndpointSeries = std::array<EndpointSecond, kSeconds>;

  static Json SeriesJson(const std::string& name, const Series& series, int64_t now);
  static Json EndpointJson(const std::string& peer, const EndpointSeries& series, int64_t now);

  /// mutex_ is held.
  Second& Present(std::string_view compartment);
  /// mutex_ is held.
  EndpointSecond& PresentOf(const std::string& peer);
  void Note(Json event);

  mutable std::mutex mutex_;
  std::map<std::string, Series, std::less<>> compartments_;
  /// By what gRPC calls them.
  std::map<std::string, EndpointSeries> endpoints_;
  /// Latest first.
  std::deque<Json> events_;
};

}  // namespace profile_service
