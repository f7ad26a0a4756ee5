#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "tests/chaos/caller.h"
#include "tests/chaos/fleet.h"
#include "tests/chaos/load.h"
#include "tests/chaos/scenario.h"

namespace userclient::chaos {

/// Where what was sent and what has come are compared.
struct Losses {
  /// What was to come: users acknowledged, changes made, events in order.
  int64_t expected = 0;
  /// Acknowledged and not there, or changed and never told.
  int64_t lost = 0;
  /// There or told more than once, or out of order.
  int64_t doubled = 0;
  /// Created, though the caller was told that it had failed. Nobody is to blame, but somebody has to look.
  int64_t created_unknown = 0;
  /// Why a stream ended before it should have; empty if it did not.
  std::string broken_off{};
};

/// Compares what was acknowledged with what is in a store.
Losses CompareWithStore(const Acknowledged& acknowledged, const std::string& store_file);

/// Somebody with a stream, beside the calls. In a thread of its own.
class CompanionRun {
 public:
  virtual ~CompanionRun() = default;
  /// When the script is over: what has come of it. Blocks until it knows.
  virtual Losses Finish() = 0;
};

/// Null for none. `caller` and `fleet` must outlive it.
std::unique_ptr<CompanionRun> StartCompanion(Companion companion, Caller& caller, const Fleet& fleet);

}  // namespace userclient::chaos
