#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace userclient::internal {

/// How many messages of a stream came from the client and went to it.
struct MessageCounts {
  int64_t received = 0;
  int64_t sent = 0;
};

/// What the request log says about one attempt.
struct RequestLogEntry {
  std::chrono::system_clock::time_point arrived{};
  std::chrono::nanoseconds duration{};
  /// With its service: "user.v1.UserService/GetUser".
  std::string method{};
  std::string peer{};
  std::string request_id{};
  int previous_attempts = 0;
  /// Of a stream.
  std::optional<MessageCounts> messages{};
  /// As sent to the client.
  absl::Status status{};
  /// Where an injected fault was asked for; empty if none was injected.
  std::string fault{};
  /// What the client was not told: why the handler failed.
  std::string error{};
};

/// One line of JSON, without its newline.
std::string FormatRequestLogLine(const RequestLogEntry& entry);

}  // namespace userclient::internal
