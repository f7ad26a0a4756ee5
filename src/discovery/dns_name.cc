#include "discovery/dns_name.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "absl/strings/str_cat.h"

namespace userclient::internal {
namespace {

// As in transport/target.cc: what is no DNS name although it reads like host:port.
constexpr std::array<std::string_view, 8> kOtherSchemes = {"ipv4",  "ipv6", "unix",       "unix-abstract",
                                                           "vsock", "xds",  "google-c2p", "inproc"};

bool IsAddress(int family, std::string_view text) {
  in6_addr address;  // Room for either family.
  return inet_pton(family, std::string(text).c_str(), &address) == 1;
}

std::optional<int> ParsePort(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port < 1 || port > 65535) return std::nullopt;
  return port;
}

/// `10.0.0.53`, `10.0.0.53:53`, `[fd00::53]` or `[fd00::53]:53`.
std::optional<NameServer> ParseNameServer(std::string_view authority) {
  NameServer server;
  std::string_view rest;
  int family = AF_INET;
  if (authority.starts_with('[')) {
    const size_t close = authority.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    family = AF_INET6;
    server.address = std::string(authority.substr(1, close - 1));
    rest = authority.substr(close + 1);
  } else {
    const size_t colon = std::min(authority.find(':'), authority.size());
    server.address = std::string(authority.substr(0, colon));
    rest = authority.substr(colon);
  }
  if (!IsAddress(family, server.address)) return std::nullopt;
  if (rest.empty()) return server;
  const std::optional<int> port = rest.front() == ':' ? ParsePort(rest.substr(1)) : std::nullopt;
  if (!port) return std::nullopt;
  server.port = *port;
  return server;
}

std::optional<DnsName> ParseHostPort(std::string_view text) {
  const size_t colon = text.find(':');
  // In brackets, or with more than one colon, it is an IPv6 address, or nothing.
  if (colon == std::string_view::npos || text.find_first_of(":[/", colon + 1) != std::string_view::npos) return std::nullopt;
  const std::string_view host = text.substr(0, colon);
  const std::optional<int> port = ParsePort(text.substr(colon + 1));
  if (host.empty() || !port || host.find_first_of("[/") != std::string_view::npos || IsAddress(AF_INET, host))
    return std::nullopt;
  return DnsName{.host = std::string(host), .port = *port};
}

}  // namespace

std::optional<DnsName> DnsNameOf(std::string_view target) {
  const size_t colon = target.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view scheme = target.substr(0, colon);
  const std::string_view rest = target.substr(colon + 1);
  if (std::find(kOtherSchemes.begin(), kOtherSchemes.end(), scheme) != kOtherSchemes.end()) return std::nullopt;
  if (scheme != "dns") return ParseHostPort(target);
  if (!rest.starts_with("//")) return ParseHostPort(rest);

  const size_t path = rest.find('/', 2);
  if (path == std::string_view::npos) return std::nullopt;
  std::optional<DnsName> name = ParseHostPort(rest.substr(path + 1));
  const std::string_view authority = rest.substr(2, path - 2);
  if (!name || authority.empty()) return name;
  name->server = ParseNameServer(authority);
  if (!name->server) return std::nullopt;
  return name;
}

std::string HostPort(std::string_view address, int port) {
  const std::string text(address);
  return text.find(':') == std::string::npos ? absl::StrCat(text, ":", port) : absl::StrCat("[", text, "]:", port);
}

}  // namespace userclient::internal
