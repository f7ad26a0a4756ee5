#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>

#include "call_outcome.h"
#include "load_tally.h"

namespace userctl {

/// Keeps count of a load while it runs. *Thread-safe.*
class LoadRecorder {
 public:
  /// Blocks until fewer calls than this are under way. False: the person has cancelled before.
  bool AwaitRoom(int max_in_flight, const std::stop_token& stop);
  /// Blocks until no call is under way.
  void AwaitAll();

  /// A call begins that was due then.
  void NoteBegin(std::chrono::steady_clock::time_point due);
  void NoteEnd(const CallOutcome& outcome);

  /// As it is now.
  LoadTally tally() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  // Guarded by mutex_.
  LoadTally tally_;
  bool someone_waits_ = false;
};

}  // namespace userctl
