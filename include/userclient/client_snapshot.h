#pragma once

/// A look inside a client: what its compartments, breakers, channels and endpoints are doing at this moment.
///
///   userclient::ClientSnapshot now = client->Snapshot();
///   for (const userclient::CompartmentSnapshot& compartment : now.compartments) ...
///   std::cout << userclient::ToJson(now);
///
/// Its parts are read one after the other while calls go on, so a sum may be off by the calls of a moment. Cheap enough to be
/// taken several times a second. Counts go up for ever; RatesBetween makes calls a second of two snapshots.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "userclient/circuit_breaker.h"
#include "userclient/endpoints.h"

namespace userclient {

/// Counted since the client, or the compartment, was made.
struct TrafficCounts {
  /// That have begun. Callers who share an answer (singleFlight) count one each.
  int64_t calls = 0;
  /// Of these, those that ended with another status than OK, also where something stood in for the answer.
  int64_t failed_calls = 0;
  /// Of the failed ones, those that the client itself refused; see rejection.h.
  int64_t rejected_calls = 0;
  /// That were sent.
  int64_t attempts = 0;
  /// Of these, those that ended with another status than OK. Losers of a hedge are none.
  int64_t failed_attempts = 0;
  /// Of the attempts, those that repeat one that failed: kRetry, kPushback, kFreshToken, kResume.
  int64_t retries = 0;
  /// Of the attempts, kHedge.
  int64_t hedges = 0;

  friend bool operator==(const TrafficCounts&, const TrafficCounts&) = default;
};

/// How many of them a second.
struct TrafficRates {
  double calls = 0;
  double failed_calls = 0;
  double rejected_calls = 0;
  double attempts = 0;
  double failed_attempts = 0;
  double retries = 0;
  double hedges = 0;

  friend bool operator==(const TrafficRates&, const TrafficRates&) = default;
};

struct BreakerSnapshot {
  CircuitState state = CircuitState::kClosed;
  /// Changes of state so far.
  uint64_t changes = 0;
  /// How far back it looks (circuitBreaker.window).
  std::chrono::nanoseconds window{};
  /// What the window holds. Only a closed breaker counts.
  int64_t calls = 0;
  int64_t failures = 0;
  int64_t slow_calls = 0;
  /// Counted only if the config has consecutiveFailures.
  int failures_in_a_row = 0;
  /// At which it opens (circuitBreaker.failureRatio, minimumCalls).
  double opens_at_failure_ratio = 0;
  int minimum_calls = 0;
  /// Open: until it tries again; 0 if that time has come, and the next call will be a probe.
  std::optional<std::chrono::nanoseconds> retry_after{};

  /// 0 while the window is empty.
  double failure_ratio() const { return calls == 0 ? 0 : static_cast<double>(failures) / static_cast<double>(calls); }
};

/// As gRPC names them.
enum class Connectivity { kIdle = 0, kConnecting = 1, kReady = 2, kTransientFailure = 3, kShutdown = 4 };

struct ChannelSnapshot {
  /// Unique in the client, and the same for a renewed channel.
  int number = 0;
  Connectivity connectivity = Connectivity::kIdle;
  /// Attempts and streams.
  int calls_in_flight = 0;
  /// False: still connecting, and no call goes over it.
  bool in_use = true;
};

struct CompartmentSnapshot {
  std::string name{};
  /// Whose calls it carries, by the present config: "user.v1.UserService/GetUser" and so on.
  std::vector<std::string> methods{};
  /// Seats, as they are now; absent: any number of calls may be in flight.
  std::optional<int> limit{};
  /// The limit is found by adaptiveLimit.
  bool adaptive = false;
  /// Seats taken; without a limit, attempts and streams under way.
  int in_use = 0;
  /// Calls in line for a seat.
  int waiting = 0;
  /// Absent: it has no circuitBreaker.
  std::optional<BreakerSnapshot> breaker{};
  std::vector<ChannelSnapshot> channels{};
  TrafficCounts traffic{};
};

/// What is known of the name of the target; for targets that are followed (dns:) only.
struct ResolutionSnapshot {
  Endpoints endpoints{};
  /// Since the last lookup that succeeded; absent if none has.
  std::optional<std::chrono::nanoseconds> age{};
  /// Of the last lookup.
  absl::Status status{};
  int64_t lookups = 0;
  /// Times that the addresses changed.
  int64_t changes = 0;
};

struct ThrottleSnapshot {
  double tokens = 0;
  double max_tokens = 0;
  /// More than half of the tokens are there.
  bool allows_retries = true;
};

struct ClientSnapshot {
  /// "user.v1.UserService"
  std::string service{};
  /// ClientOptions::target; empty with a channel_factory.
  std::string target{};
  /// Of the present service config: 1 for the first, one more with every reload.
  int config_version = 1;
  std::chrono::system_clock::time_point taken_at{};
  /// Since the client was made.
  std::chrono::nanoseconds uptime{};
  bool shut_down = false;
  /// Calls and streams that have begun and not ended, those that wait included.
  int64_t calls_in_flight = 0;
  /// The sum over all compartments, those that a reload has removed included.
  TrafficCounts traffic{};
  /// By name.
  std::vector<CompartmentSnapshot> compartments{};
  std::optional<ResolutionSnapshot> resolution{};
  /// Absent without retryThrottling.
  std::optional<ThrottleSnapshot> throttle{};
};

/// "READY", "TRANSIENT_FAILURE": as gRPC writes them.
std::string_view ConnectivityName(Connectivity connectivity);

/// What the whole client has done between two snapshots of it. nullopt if that cannot be told: `now` is not the later one, or the
/// two are of different clients.
std::optional<TrafficRates> RatesBetween(const ClientSnapshot& before, const ClientSnapshot& now);

/// The same of counts that were taken `between` one another: of a compartment, for example. nullopt if `between` is not more
/// than 0, or a count has gone back.
std::optional<TrafficRates> RatesBetween(const TrafficCounts& before, const TrafficCounts& now, std::chrono::nanoseconds between);

/// As JSON, in one line. docs/telemetry.md describes its fields, docs/versions.md says how long they stay what they are;
/// durations are seconds, times are Unix seconds, what is absent is null.
std::string ToJson(const ClientSnapshot& snapshot);

}  // namespace userclient
