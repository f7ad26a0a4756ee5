#include "diagnosis/probe_connection.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace userclient::internal {
namespace {

/// How long a stop may go unnoticed.
constexpr std::chrono::milliseconds kStopLook(20);

}  // namespace

ProbeConnection::ProbeConnection(const ProbeAddress& address, TimePoint deadline, std::stop_token stop)
    : deadline_(deadline), stop_(std::move(stop)) {
  descriptor_ = socket(address.socket_address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor_ < 0) {
    error_ = errno;
    return;
  }
  if (connect(descriptor_, reinterpret_cast<const sockaddr*>(&address.socket_address), address.size) == 0) return;
  error_ = errno;
  if (error_ != EINPROGRESS) return;
  if (!Await(POLLOUT)) {
    error_ = ETIMEDOUT;
    return;
  }
  socklen_t size = sizeof(error_);
  getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error_, &size);
}

ProbeConnection::~ProbeConnection() {
  if (descriptor_ >= 0) close(descriptor_);
}

bool ProbeConnection::Await(short events) {  // NOLINT(google-runtime-int)
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
    if (left.count() <= 0 || stop_.stop_requested()) return false;
    pollfd entry = {.fd = descriptor_, .events = events, .revents = 0};
    const int ready = poll(&entry, 1, static_cast<int>(std::min(left, kStopLook).count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

bool ProbeConnection::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (written >= 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {
      if (!Await(POLLOUT)) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

std::string ProbeConnection::Read(size_t size) {
  timed_out_ = false;
  std::string bytes;
  std::array<char, 512> buffer;
  while (bytes.size() < size) {
    if (!Await(POLLIN)) {
      timed_out_ = true;
      break;
    }
    const ssize_t count = recv(descriptor_, buffer.data(), buffer.size(), 0);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count <= 0) break;
    bytes.append(buffer.data(), static_cast<size_t>(count));
  }
  return bytes;
}

std::string_view Http2Preface() {
  // RFC 9113, section 3.4: the magic, and a SETTINGS frame without settings.
  static constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
  return {kPreface, sizeof(kPreface) - 1};
}

Greeting GreetingOf(std::string_view bytes, bool timed_out) {
  if (bytes.empty()) return timed_out ? Greeting::kSilence : Greeting::kNothing;
  // Every record of TLS begins with its type (an alert, or part of a handshake) and 3.
  if (bytes.size() >= 2 && (bytes[0] == 0x15 || bytes[0] == 0x16) && bytes[1] == 0x03) return Greeting::kTls;
  // A SETTINGS frame of the connection: length, type 4, flags 0, stream 0.
  if (bytes.size() >= kGreetingSize && bytes.substr(3, 6) == std::string_view("\x04\0\0\0\0\0", 6)) return Greeting::kHttp2;
  return Greeting::kSomethingElse;
}

}  // namespace userclient::internal
