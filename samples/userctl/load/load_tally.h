#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "call_mix.h"
#include "call_outcome.h"
#include "latency_histogram.h"
#include "start_delay.h"
#include "userclient/rejection.h"

namespace userctl {

/// What the calls of a load came to, so far. A plain value.
struct LoadTally {
  struct Code {
    int64_t calls = 0;
    /// The message of the first.
    std::string message{};
    /// That of the first.
    userclient::CallReport report{};
  };
  struct Kind {
    int64_t calls = 0;
    int64_t failed = 0;
  };
  struct Server {
    int64_t attempts = 0;
    int64_t failed = 0;
  };

  void Add(const CallOutcome& outcome);

  int64_t ok() const { return calls - failed; }
  int64_t in_flight() const { return begun - calls - cut_off; }
  int64_t refused() const;
  /// The status that most of the failed calls ended with, the one with the smaller number of two; kOk if none failed.
  absl::StatusCode CommonestFailure() const;

  int64_t begun = 0;
  /// Of these, those that waited because too many others were under way (LoadPlan::max_in_flight).
  int64_t waited_for_room = 0;
  StartDelay start_delay{};

  /// Ended, but for those that were cut off.
  int64_t calls = 0;
  int64_t failed = 0;
  int64_t cut_off = 0;
  std::map<CallKind, Kind> kinds{};
  std::map<absl::StatusCode, Code> codes{};
  std::map<userclient::Rejection, int64_t> rejections{};

  int64_t attempts = 0;
  /// By the number of attempts that they took: how many calls. None for a call that was refused.
  std::map<int64_t, int64_t> attempts_of_calls{};
  /// By why they were made, the first ones excluded.
  std::map<userclient::AttemptReason, int64_t> further_attempts{};
  /// Calls that succeeded though an attempt had failed.
  int64_t rescued = 0;
  /// Where answers came from, if not from the server for this very call.
  std::map<userclient::AnswerSource, int64_t> substitutes{};
  /// By the peer, as gRPC names it; empty: no connection, or no answer that would tell.
  std::map<std::string, Server> servers{};

  /// Refused calls are in neither: they say nothing about the server, and take no time.
  LatencyHistogram ok_latency{};
  LatencyHistogram failed_latency{};
  std::optional<userclient::CallReport> slowest{};

 private:
  /// True: one of them has failed.
  bool AddAttempts(const userclient::CallReport& report);
};

}  // namespace userctl
