#pragma once

#include <memory>
#include <string>

#include "tests/chaos/caller.h"
#include "tests/chaos/losses.h"
#include "tests/chaos/scenario.h"

namespace userclient::chaos {

/// Somebody with a stream, beside the calls. In a thread of its own.
class CompanionRun {
 public:
  virtual ~CompanionRun() = default;
  /// When the script is over: what has come of it. Blocks until it knows.
  virtual Losses Finish() = 0;
};

/// Null for none. `caller` must outlive it. `store_file` is where a watch's changes are made.
std::unique_ptr<CompanionRun> StartCompanion(Companion companion, Caller& caller, const std::string& store_file);

}  // namespace userclient::chaos
