#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

namespace userclient {

/// One attempt as it reached the server.
struct ReceivedAttempt {
  /// Without the service, for example "GetUser".
  std::string method{};
  std::chrono::steady_clock::time_point arrived{};
  /// As gRPC names it, for example "ipv4:127.0.0.1:51234".
  std::string peer{};
  /// Everything the client sent, `grpc-previous-rpc-attempts` included.
  std::multimap<std::string, std::string> metadata{};
  /// From `grpc-previous-rpc-attempts`; 0 for the first attempt of a call.
  int previous_attempts = 0;
  /// To the deadline, on arrival; gRPC rounds it up on the wire, by about a percent at most. Absent: the client sent none.
  std::optional<std::chrono::nanoseconds> time_left{};
  /// The request, serialised; empty if the client streams.
  std::string request{};
};

}  // namespace userclient
