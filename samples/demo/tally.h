#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "outcome.h"

namespace demo {

/// What many calls of one caller came to.
struct Tally {
  int64_t calls = 0;
  int64_t failed = 0;
  int64_t attempts = 0;
  /// Calls whose first attempt failed and that succeeded all the same.
  int64_t rescued = 0;
  /// Attempts that ended without an answer in time, so that a server may or may not have seen them.
  int64_t attempts_timed_out = 0;
  /// Successful calls, by the server's name for itself.
  std::map<std::string, int64_t> answered_by{};
  /// Attempts, by the peer.
  std::map<std::string, int64_t> attempts_at{};
  /// Failed calls and failed attempts, by what their error says.
  std::map<std::string, int64_t> call_errors{};
  std::map<std::string, int64_t> attempt_errors{};
  /// Of all calls, failed ones too, shortest first.
  std::vector<std::chrono::nanoseconds> durations{};

  int64_t retries() const { return attempts - calls; }

  /// So much of all calls, from 0 to 1, took this long or less. Zero if there were no calls.
  std::chrono::nanoseconds Percentile(double share) const;

  void Add(const Tally& other);
};

Tally TallyOf(const std::vector<Outcome>& outcomes);

}  // namespace demo
