#include "testing/socket.h"

#include <arpa/inet.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace userclient::internal {
namespace {

std::optional<int> ParsePort(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port < 0 || port > 65535) return std::nullopt;
  return port;
}

}  // namespace

absl::StatusOr<SocketAddress> SocketAddress::Parse(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon != std::string_view::npos) {
    std::string host(text.substr(0, colon));
    const std::optional<int> port = ParsePort(text.substr(colon + 1));
    const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (brackets) host = host.substr(1, host.size() - 2);
    SocketAddress address;
    if (port && brackets) {
      auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage_);
      v6->sin6_family = AF_INET6;
      v6->sin6_port = htons(static_cast<uint16_t>(*port));
      if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) return address;
    } else if (port) {
      auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage_);
      v4->sin_family = AF_INET;
      v4->sin_port = htons(static_cast<uint16_t>(*port));
      if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) return address;
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", std::string(text), "\" is no IP_ADDRESS:PORT, like 127.0.0.1:50051 or [::1]:50051"));
}

SocketAddress SocketAddress::Of(int descriptor) {
  SocketAddress address;
  socklen_t size = sizeof(address.storage_);
  getsockname(descriptor, reinterpret_cast<sockaddr*>(&address.storage_), &size);
  return address;
}

socklen_t SocketAddress::size() const { return family() == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in); }

int SocketAddress::port() const {
  return ntohs(family() == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_port
                                    : reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);
}

std::string SocketAddress::ToString() const {
  std::array<char, INET6_ADDRSTRLEN> host{};
  if (family() == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_addr, host.data(), host.size());
    return absl::StrCat("[", host.data(), "]:", port());
  }
  inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage_)->sin_addr, host.data(), host.size());
  return absl::StrCat(host.data(), ":", port());
}

Socket Socket::Make(int family) { return Socket(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)); }

Socket Socket::Bind(const SocketAddress& address) {
  Socket bound = Make(address.family());
  const int on = 1;
  if (!bound || setsockopt(bound.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      bind(bound.get(), address.get(), address.size()) != 0) {
    const int error = errno;
    bound.Close();
    errno = error;
  }
  return bound;
}

void Socket::Close() {
  if (descriptor_ >= 0) close(descriptor_);
  descriptor_ = -1;
}

void Socket::Reset() {
  const linger at_once = {.l_onoff = 1, .l_linger = 0};
  if (descriptor_ >= 0) setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  Close();
}

std::string ErrnoText(int error) { return std::generic_category().message(error); }

}  // namespace userclient::internal
