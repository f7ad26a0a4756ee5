#pragma once

#include <chrono>
#include <iosfwd>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/malice/malicious_server.h"

namespace userclient::testing {

/// A way to do harm, and what may become of a call that meets it.
struct Malice {
  std::string name{};
  MaliciousServer::Behaviour behaviour{};
  std::vector<absl::StatusCode> ends{};
  /// Only the deadline ends the call.
  bool endless = false;
  /// Of a stream, if it is something else.
  std::vector<absl::StatusCode> stream_ends{};
};

void PrintTo(const Malice& malice, std::ostream* out);

/// What ends by itself may take as long as a busy machine needs; and how long a call lasts that only its deadline ends.
inline constexpr std::chrono::nanoseconds kPatience = std::chrono::seconds(20);
inline constexpr std::chrono::nanoseconds kDeadline = std::chrono::milliseconds(400);

/// What a busy machine may add to a deadline. Without a deadline most of them would last for ever.
inline constexpr std::chrono::nanoseconds kGrace = std::chrono::seconds(10);

/// All that is known.
std::vector<Malice> Malices();

}  // namespace userclient::testing
