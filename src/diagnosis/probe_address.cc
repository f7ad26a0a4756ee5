#include "diagnosis/probe_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "discovery/dns_lookup.h"
#include "discovery/dns_name.h"
#include "transport/target.h"

namespace userclient::internal {
namespace {

std::optional<ProbeAddress> IpAddress(const std::string& address, int port) {
  ProbeAddress made{.text = HostPort(address, port)};
  if (auto* v4 = reinterpret_cast<sockaddr_in*>(&made.socket_address); inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<uint16_t>(port));
    made.size = sizeof(sockaddr_in);
    return made;
  }
  if (auto* v6 = reinterpret_cast<sockaddr_in6*>(&made.socket_address);
      inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(static_cast<uint16_t>(port));
    made.size = sizeof(sockaddr_in6);
    return made;
  }
  return std::nullopt;
}

/// "10.0.0.7:50051", "[::1]:50051".
std::optional<ProbeAddress> IpAddress(std::string_view host_port) {
  const size_t colon = host_port.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = host_port.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string_view text = host_port.substr(colon + 1);
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port < 1 || port > 65535) return std::nullopt;
  return IpAddress(std::string(host), port);
}

absl::StatusOr<ProbeTarget> UnixTarget(std::string_view target, std::string path, bool abstract) {
  ProbeAddress address{.text = std::string(target)};
  auto* local = reinterpret_cast<sockaddr_un*>(&address.socket_address);
  local->sun_family = AF_UNIX;
  if (abstract) path.insert(0, 1, '\0');
  if (path.size() >= sizeof(local->sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("target \"", std::string(target), "\": the path is too long for a socket"));
  }
  std::memcpy(local->sun_path, path.data(), path.size());
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1));
  return ProbeTarget{.addresses = {std::move(address)}, .host = "localhost"};
}

std::string WithoutBrackets(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return std::string(host);
}

absl::StatusOr<ProbeTarget> ListedTarget(std::string_view target, std::string_view list) {
  ProbeTarget found;
  for (const std::string& entry : std::vector<std::string>(absl::StrSplit(std::string(list), ','))) {
    std::optional<ProbeAddress> address = IpAddress(std::string_view(entry));
    if (!address) {
      return absl::InvalidArgumentError(
          absl::StrCat("target \"", std::string(target), "\": \"", entry, "\" is no address with a port"));
    }
    found.addresses.push_back(*std::move(address));
  }
  // Of several, gRPC takes the whole list for the name.
  found.host = WithoutBrackets(list.substr(0, list.rfind(':')));
  return found;
}

}  // namespace

absl::StatusOr<ProbeTarget> FindAddresses(std::string_view target, std::chrono::steady_clock::time_point deadline,
                                          const std::stop_token& stop) {
  if (absl::Status status = CheckTarget(target); !status.ok()) return status;
  const size_t colon = target.find(':');
  const std::string_view scheme = target.substr(0, colon);
  std::string_view rest = target.substr(colon + 1);
  if (scheme == "unix" || scheme == "unix-abstract") {
    if (rest.starts_with("///")) rest.remove_prefix(2);
    return UnixTarget(target, std::string(rest), scheme == "unix-abstract");
  }
  if (scheme == "ipv4" || scheme == "ipv6") {
    if (rest.starts_with("///")) rest.remove_prefix(3);
    return ListedTarget(target, rest);
  }
  if (const std::optional<DnsName> name = DnsNameOf(target)) {
    const DnsAnswer answer = LookUp(*name, {.timeout = deadline - std::chrono::steady_clock::now()}, stop);
    if (absl::Status status = answer.status(); !status.ok()) return status;
    ProbeTarget found = {.host = name->host};
    for (const auto* family : {&answer.ipv6, &answer.ipv4}) {
      for (const std::string& address : family->addresses) {
        if (std::optional<ProbeAddress> made = IpAddress(address, name->port)) found.addresses.push_back(*std::move(made));
      }
    }
    return found;
  }
  // An address where a name could stand.
  const std::string_view host_port = scheme == "dns" ? rest.substr(rest.rfind('/') + 1) : target;
  if (std::optional<ProbeAddress> address = IpAddress(host_port)) {
    return ProbeTarget{.addresses = {*std::move(address)}, .host = WithoutBrackets(host_port.substr(0, host_port.rfind(':')))};
  }
  return absl::UnimplementedError(
      absl::StrCat("target \"", std::string(target), "\": only gRPC itself can find the addresses of this target"));
}

}  // namespace userclient::internal
