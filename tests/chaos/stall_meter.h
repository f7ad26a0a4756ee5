#pragma once

#include <chrono>
#include <stop_token>
#include <thread>
#include <vector>

#include "tests/chaos/call_record.h"

namespace userclient::chaos {

/// A time, since the beginning of the script, for which the machine kept a thread that wanted to run from running.
struct Stall {
  std::chrono::nanoseconds from{};
  std::chrono::nanoseconds to{};
};

/// What the machine stood still, taken together, in the stalls that reach into this time: what is late by that much is not late
/// by the client's doing.
std::chrono::nanoseconds StoodStill(const std::vector<Stall>& stalls, std::chrono::nanoseconds from, std::chrono::nanoseconds to);

/// Looks every 2 ms whether it may run.
class StallMeter {
 public:
  explicit StallMeter(Clock::time_point start) : start_(start) {}

  /// In order, the ones of more than a millisecond. Once.
  std::vector<Stall> Finish();

 private:
  void Measure(const std::stop_token& over);

  const Clock::time_point start_;
  std::vector<Stall> stalls_;
  std::jthread thread_{[this](const std::stop_token& over) { Measure(over); }};
};

}  // namespace userclient::chaos
