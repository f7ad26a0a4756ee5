#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace userclient::internal {

/// IP_ADDRESS:PORT.
class SocketAddress {
 public:
  /// Names are not looked up. *Errors:* INVALID_ARGUMENT with an example.
  static absl::StatusOr<SocketAddress> Parse(std::string_view text);
  /// Where a socket is bound.
  static SocketAddress Of(int descriptor);

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const;
  int family() const { return storage_.ss_family; }
  int port() const;
  /// With brackets where they are needed.
  std::string ToString() const;

 private:
  sockaddr_storage storage_{};
};

/// A TCP socket that never blocks, or none; closes it.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Socket() { Close(); }

  static Socket Make(int family);
  /// Bound with SO_REUSEADDR, or none and errno: while it does not listen, further sockets of this kind can be bound to the same
  /// port, and nobody else is given it.
  static Socket Bind(const SocketAddress& address);

  explicit operator bool() const { return descriptor_ >= 0; }
  int get() const { return descriptor_; }

  void Close();
  /// Closes it with a RST.
  void Reset();

 private:
  int descriptor_ = -1;
};

/// What the operating system says about this errno.
std::string ErrnoText(int error);

}  // namespace userclient::internal
