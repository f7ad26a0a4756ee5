#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/chaos/fleet.h"
#include "tests/chaos/steps.h"

namespace userclient::chaos {

/// What a call asks for.
enum class Rpc { kGetUser, kCreateUser };

/// Callers who do not wait for one another: calls come at their times, whatever becomes of those before.
struct Callers {
  Rpc rpc = Rpc::kGetUser;
  int calls_per_second = 200;
  /// So many at once, and then none for a while.
  int at_once = 1;
  std::chrono::milliseconds deadline{5000};
  /// Not looked at but for whether they end in time: they are there to disturb the others.
  bool disturbing = false;
};

/// What happens beside the calls, through the same client.
enum class Companion {
  kNone,
  /// Somebody reads a stream of activity, 10 events a second.
  kSlowReader,
  /// Somebody watches users while users are created.
  kWatch,
};

/// What must be true of userclient in every run, besides what must always be: that no call ends more than 50 ms after its
/// deadline, that nothing acknowledged is lost, and nothing done twice.
struct Bars {
  /// Share of the calls from the first second after the fault on that succeed.
  double success = 0.999;
  /// Their p99, as a multiple of the healthy p99. Absent: the fault leaves no way to be as quick.
  std::optional<double> p99{};
  /// Attempts at the servers: at most so many a call, and a few.
  std::optional<double> attempts{};
  /// From the healing to the first second in which every call succeeds, as a multiple of how long the fault lasted.
  double recovery = 2;
};

/// What the machine must have.
enum class Needs { kNothing, kPrivateNetwork, kPacketLoss };

/// A script, and what is measured while it is played. Times are those of a full run.
struct Scenario {
  std::string name{};
  /// A sentence for the reader of the results.
  std::string about{};
  FleetPlan fleet{};
  std::vector<Callers> callers{Callers{}};
  Companion companion = Companion::kNone;
  /// When it begins.
  std::chrono::milliseconds companion_at{};
  std::vector<Step> steps{};
  /// Zero: it is there from the beginning.
  std::chrono::milliseconds fault_at{};
  /// Zero: never.
  std::chrono::milliseconds healed_at{};
  std::chrono::milliseconds lasting{};
  Bars bars{};
  Needs needs = Needs::kNothing;
};

}  // namespace userclient::chaos
