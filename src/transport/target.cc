#include "transport/target.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace userclient::internal {
namespace {

// Schemes whose addresses are left to gRPC to read.
constexpr std::array<std::string_view, 8> kOtherSchemes = {"ipv4",  "ipv6", "unix",       "unix-abstract",
                                                           "vsock", "xds",  "google-c2p", "inproc"};

absl::Status Unusable(std::string_view target, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("target \"", absl::CHexEscape(std::string(target)), "\": ", std::string(why)));
}

bool IsPort(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port >= 1 && port <= 65535;
}

bool IsNameServer(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || !IsPort(text.substr(colon + 1))) return false;
  std::string address(text.substr(0, colon));
  const bool brackets = address.size() > 2 && address.front() == '[' && address.back() == ']';
  if (brackets) address = address.substr(1, address.size() - 2);
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return inet_pton(brackets ? AF_INET6 : AF_INET, address.c_str(), bytes.data()) == 1;
}

/// "host:port", "[v6]:port"; `prefix` is what stood before it, for the advice in the error.
absl::Status CheckHostPort(std::string_view target, std::string_view host_port, std::string_view prefix) {
  const auto advise = [&](std::string_view host) {
    return absl::StrCat("; write ", std::string(prefix), std::string(host), ":50051 (with the port of your server)");
  };
  if (host_port.empty()) return Unusable(target, absl::StrCat("names no host", advise("HOST")));
  if (std::any_of(host_port.begin(), host_port.end(), [](unsigned char c) { return std::isspace(c) != 0 || c == '/'; })) {
    return Unusable(target, absl::StrCat("a host name holds neither spaces nor slashes", advise("HOST")));
  }

  std::string_view host = host_port;
  std::string_view port;
  if (host_port.front() == '[') {
    const size_t close = host_port.find(']');
    if (close == std::string_view::npos) return Unusable(target, "the '[' of the IPv6 address is never closed");
    host = host_port.substr(0, close + 1);
    port = host_port.substr(close + 1);
  } else if (const size_t colon = host_port.find(':'); colon != std::string_view::npos) {
    if (host_port.find(':', colon + 1) != std::string_view::npos) {
      return Unusable(target, "more than one ':'; write an IPv6 address in brackets, as in [::1]:50051");
    }
    host = host_port.substr(0, colon);
    port = host_port.substr(colon);
  }
  if (host.empty() || host == "[]") return Unusable(target, absl::StrCat("names no host", advise("HOST")));
  if (port.empty()) return Unusable(target, absl::StrCat("names no port", advise(host)));
  if (port.front() != ':' || !IsPort(port.substr(1))) {
    return Unusable(target, absl::StrCat("\"", std::string(port.substr(port.front() == ':' ? 1 : 0)),
                                         "\" is no port (1 to 65535)", advise(host)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckTarget(std::string_view target) {
  if (target.empty()) return absl::InvalidArgumentError("target: is empty; write for example dns:///users.example.com:50051");
  // gRPC's parser takes no others; and some readers would stop at a NUL, and take the beginning for the whole.
  if (!std::all_of(target.begin(), target.end(), [](unsigned char c) { return c >= 0x20 && c <= 0x7e; })) {
    return Unusable(target, "holds more than printable ASCII; write a name as DNS has it (xn--...), and a path percent-encoded");
  }

  const size_t colon = target.find(':');
  const std::string_view scheme = target.substr(0, colon);
  const std::string_view rest = colon == std::string_view::npos ? std::string_view() : target.substr(colon + 1);
  if (std::find(kOtherSchemes.begin(), kOtherSchemes.end(), scheme) != kOtherSchemes.end()) {
    return rest.empty() ? Unusable(target, "names no address after the scheme") : absl::OkStatus();
  }
  if (scheme == "dns") {
    // dns:host:port, dns:///host:port or dns://authority/host:port
    if (!rest.starts_with("//")) return CheckHostPort(target, rest, "dns:");
    const size_t path = rest.find('/', 2);
    if (path == std::string_view::npos) {
      return Unusable(target, absl::StrCat("names a name server and no host; write dns:///", std::string(rest.substr(2))));
    }
    const std::string_view server = rest.substr(2, path - 2);
    if (!server.empty() && !IsNameServer(server)) {
      return Unusable(target,
                      "gRPC needs the name server by address and port, as in dns://10.0.0.53:53/HOST:PORT or "
                      "dns://[fd00::53]:53/HOST:PORT; without one, dns:///HOST:PORT, it asks those of the system");
    }
    return CheckHostPort(target, rest.substr(path + 1), absl::StrCat("dns:", std::string(rest.substr(0, path + 1))));
  }
  if (rest.starts_with("//")) {
    return Unusable(target, absl::StrCat("gRPC has no scheme \"", std::string(scheme), "\"; write dns:///HOST:PORT"));
  }
  return CheckHostPort(target, target, "");
}

std::optional<std::string> FirstOfSeveral(std::string_view target) {
  if (!target.starts_with("ipv4:") && !target.starts_with("ipv6:")) return std::nullopt;
  const size_t comma = target.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  const size_t first = target.find_first_not_of('/', target.find(':') + 1);
  return std::string(target.substr(first, comma - first));
}

}  // namespace userclient::internal
