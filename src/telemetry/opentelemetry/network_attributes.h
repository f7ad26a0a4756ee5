#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "telemetry/opentelemetry/attributes.h"

namespace userclient::internal {

/// An address as OpenTelemetry's semantic conventions want it: in parts.
struct NetworkAddress {
  /// "10.0.0.1", "::1", "users.example.com", "/run/users.sock", "@name" (abstract); empty: there is none.
  std::string address{};
  std::optional<int> port{};
  /// "tcp", "unix", or empty: a value that the conventions have no word for.
  std::string_view transport{};
  /// "ipv4", "ipv6", or empty.
  std::string_view type{};
};

/// Of an attempt, from AttemptReport::peer: "ipv4:10.0.0.1:50051", "ipv6:%5B::1%5D:50051", "unix:/run/users.sock".
NetworkAddress PeerAddress(std::string_view peer);

/// Of what a client calls, from CanonicalTarget. A target that lists several addresses is an address as a whole; one without a
/// name has none.
NetworkAddress ServerAddress(std::string_view target);

/// `network.peer.address`, `network.peer.port`, `network.transport`, `network.type`, as far as they are known.
void AddPeer(const NetworkAddress& peer, Attributes& attributes);

/// `server.address`, `server.port`.
void AddServer(const NetworkAddress& server, Attributes& attributes);

}  // namespace userclient::internal
