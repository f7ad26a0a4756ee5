#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace userclient::internal {

/// A name server, by its address: nothing else can be asked for where it is.
struct NameServer {
  /// Without brackets.
  std::string address{};
  int port = 53;

  friend bool operator==(const NameServer&, const NameServer&) = default;
};

/// What a target says about DNS.
struct DnsName {
  std::string host{};
  int port = 0;
  /// Absent: those of the system.
  std::optional<NameServer> server{};

  friend bool operator==(const DnsName&, const DnsName&) = default;
};

/// The name in a target that CheckTarget accepts: `dns:///host:port`, `dns://10.0.0.53:53/host:port`, `dns:host:port` or plain
/// `host:port`. nullopt where there is nothing to look up: other schemes, a host that is an address itself; and a name server
/// that is no address, with which gRPC cannot do anything either.
std::optional<DnsName> DnsNameOf(std::string_view target);

/// "10.0.0.53:53", "[fd00::53]:53", for people and for targets.
std::string HostPort(std::string_view address, int port);

}  // namespace userclient::internal
