#include "telemetry/opentelemetry/network_attributes.h"

#include <charconv>

#include "absl/strings/str_cat.h"

namespace userclient::internal {
namespace {

/// gRPC writes addresses as URIs.
std::string PercentDecoded(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = 0;
    if (text[i] == '%' && i + 2 < text.size()) {
      const char* const end = text.data() + i + 3;
      if (const auto parsed = std::from_chars(end - 2, end, byte, 16); parsed.ec == std::errc() && parsed.ptr == end) {
        decoded += static_cast<char>(byte);
        i += 2;
        continue;
      }
    }
    decoded += text[i];
  }
  return decoded;
}

/// "10.0.0.1:50051", "[::1]:50051", "users"; what is neither is an address as it stands.
NetworkAddress HostAndPort(std::string_view text) {
  NetworkAddress whole{.address = std::string(text)};
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.find(',') != std::string_view::npos) return whole;
  int port = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + colon + 1, end, port);
  if (parsed.ec != std::errc() || parsed.ptr != end) return whole;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return whole;
  }
  return {.address = std::string(host), .port = port};
}

}  // namespace

NetworkAddress PeerAddress(std::string_view peer) {
  const size_t colon = peer.find(':');
  if (colon == std::string_view::npos) return {};
  const std::string_view scheme = peer.substr(0, colon);
  const std::string name = PercentDecoded(peer.substr(colon + 1));
  if (scheme == "unix") return {.address = name, .transport = "unix"};
  if (scheme == "unix-abstract") return {.address = absl::StrCat("@", name), .transport = "unix"};
  if (scheme != "ipv4" && scheme != "ipv6") return {};
  NetworkAddress address = HostAndPort(name);
  address.transport = "tcp";
  address.type = scheme == "ipv4" ? "ipv4" : "ipv6";
  return address;
}

NetworkAddress ServerAddress(std::string_view target) {
  const size_t colon = target.find(':');
  const std::string_view scheme = target.substr(0, colon);
  std::string_view path = colon == std::string_view::npos ? std::string_view() : target.substr(colon + 1);
  if (path.starts_with("//")) {
    // Behind the name server, or whoever else is asked.
    const size_t slash = path.find('/', 2);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash);
    if (scheme != "unix") path = path.substr(path.empty() ? 0 : 1);
  }
  const std::string name = PercentDecoded(path);
  if (scheme == "unix") return {.address = name, .transport = "unix"};
  if (scheme == "unix-abstract") return {.address = absl::StrCat("@", name), .transport = "unix"};
  return HostAndPort(name);
}

void AddPeer(const NetworkAddress& peer, Attributes& attributes) {
  if (!peer.address.empty()) attributes.emplace_back("network.peer.address", View(peer.address));
  if (peer.port) attributes.emplace_back("network.peer.port", *peer.port);
  if (!peer.transport.empty()) attributes.emplace_back("network.transport", View(peer.transport));
  if (!peer.type.empty()) attributes.emplace_back("network.type", View(peer.type));
}

void AddServer(const NetworkAddress& server, Attributes& attributes) {
  if (!server.address.empty()) attributes.emplace_back("server.address", View(server.address));
  if (server.port) attributes.emplace_back("server.port", *server.port);
}

}  // namespace userclient::internal
