#pragma once

#include <sys/socket.h>

#include <chrono>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace userclient::internal {

/// An address to connect to.
struct ProbeAddress {
  sockaddr_storage socket_address{};
  socklen_t size = 0;
  /// For people: "10.0.0.7:50051", "[::1]:50051", "unix:/run/users.sock".
  std::string text{};
};

/// What a target leads to.
struct ProbeTarget {
  std::vector<ProbeAddress> addresses{};
  /// The name that gRPC wants to see in the server's certificate.
  std::string host{};
};

/// Finds the addresses of a target, as gRPC does. *Blocks* for a lookup, until the deadline or a stop. *Errors:* INVALID_ARGUMENT
/// and UNIMPLEMENTED as DiagnoseConnection; otherwise those of a DnsAnswer.
absl::StatusOr<ProbeTarget> FindAddresses(std::string_view target, std::chrono::steady_clock::time_point deadline,
                                          const std::stop_token& stop);

}  // namespace userclient::internal
