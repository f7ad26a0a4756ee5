#pragma once

#include <chrono>
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
  /// GetUser only: a thread waits for each call. There are enough of them while no call outlives its deadline.
  bool blocking = false;
  /// Not looked at but for whether they end in time: they are there to disturb the others, or to have a deadline.
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
/// deadline, that after the healing 99.9 % succeed, that nothing acknowledged is lost, and nothing done twice.
struct Bars {
  /// Share of the calls from the first second after the fault to the healing that succeed. Absent: there is nobody to succeed
  /// with, and success counts only when the time for recovering is over.
  std::optional<double> success = 0.999;
  /// The p99 of those calls, and of the ones after the healing, as a multiple of the healthy p99. Absent: the fault leaves no way
  /// to be as quick.
  std::optional<double> p99{};
  /// Attempts at the servers from the fault until as long after the healing as it had lasted: at most so many a call, and a few.
  std::optional<double> attempts{};
  /// From the healing to the first second in which every call succeeds, as a multiple of how long the fault lasted.
  double recovery = 2;
};

/// How much of the attempts goes to some pods for a while.
struct Share {
  /// For the reader: "the new pods".
  std::string of{};
  std::vector<int> pods{};
  std::chrono::milliseconds from{};
  std::chrono::milliseconds to{};
  /// Bars.
  double at_least = 0;
  double at_most = 1;
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
  /// When it begins; without steps, it is the fault.
  std::chrono::milliseconds companion_at{};
  /// The first is the fault, the last one heals. None: what is wrong is wrong from the beginning to the end.
  std::vector<Step> steps{};
  std::chrono::milliseconds lasting{};
  Bars bars{};
  std::vector<Share> shares{};
  Needs needs = Needs::kNothing;
  /// The least part of its time in which it can be played: servers and clients have times of their own, which stay.
  double shortest = 0.3;
};

/// Whether something can be lost or doubled.
inline bool HasLosses(const Scenario& scenario) {
  return scenario.companion != Companion::kNone || scenario.callers.front().rpc == Rpc::kCreateUser;
}

}  // namespace userclient::chaos
