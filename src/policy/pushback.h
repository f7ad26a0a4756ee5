#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace userclient::internal {

/// The trailer `grpc-retry-pushback-ms`: a server's own word on when to come back (gRFC A6).
struct Pushback {
  /// The server does not want this call again. Also what an unreadable value means.
  bool stop = false;
  /// Come back after exactly this time.
  std::optional<std::chrono::milliseconds> delay{};
};

/// Reads one value of the trailer: a decimal signed 32-bit integer without unnecessary leading zeros. Negative or anything else
/// means stop.
Pushback ParsePushback(std::string_view value);

}  // namespace userclient::internal
