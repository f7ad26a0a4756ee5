#pragma once

#include <cstdint>
#include <string>

#include "tests/chaos/call_record.h"
#include "userclient/server/user_store.h"

namespace userclient::chaos {

/// Where what was sent and what has come are compared.
struct Losses {
  /// What the script asks for: users to create, changes to make, events to read.
  int64_t asked = 0;
  /// What was to come of it: users acknowledged, changes made, events in order.
  int64_t expected = 0;
  /// Acknowledged and not there, or changed and never told.
  int64_t lost = 0;
  /// There or told more than once, or out of order; or made twice, and the second time refused.
  int64_t doubled = 0;
  /// Created, though the caller was told that it had failed. Nobody is to blame, but somebody has to look.
  int64_t created_unknown = 0;
  /// Why a stream ended before it should have; empty if it did not.
  std::string broken_off{};
};

/// Compares what was acknowledged with what is in the store. Ends the program if it cannot be read.
Losses CompareWithStore(const Creations& creations, UserStore& store);

}  // namespace userclient::chaos
