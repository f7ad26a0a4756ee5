#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace userclient::internal {

/// HOST:PORT, taken apart; the host without the brackets of an IPv6 address.
struct ListenAddress {
  std::string host{};
  int port = 0;

  /// With brackets where they are needed.
  std::string ToString() const;
  /// 127.0.0.0/8, ::1 or "localhost".
  bool IsLoopback() const;
};

/// *Errors:* INVALID_ARGUMENT.
absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text);

/// Why nobody can listen there, as far as the operating system tells ("address already in use"); empty if somebody could.
std::string WhyNotBindable(const ListenAddress& address);

}  // namespace userclient::internal
