#include "tests/testing/tcp_peer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "testing/socket.h"

namespace userclient::testing {
namespace {

using internal::SocketAddress;

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", what.c_str(), std::strerror(errno));
  std::abort();
}

SocketAddress Parse(const std::string& address) {
  const absl::StatusOr<SocketAddress> parsed = SocketAddress::Parse(address);
  if (!parsed.ok()) Fail(address);
  return *parsed;
}

bool Ready(int descriptor, int events, int milliseconds) {
  pollfd polled = {.fd = descriptor, .events = static_cast<decltype(pollfd::events)>(events), .revents = 0};
  return poll(&polled, 1, milliseconds) == 1;
}

}  // namespace

TcpPeer::TcpPeer(int descriptor) : descriptor_(descriptor) {
  const int on = 1;
  setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  const timeval limit = {.tv_sec = 30, .tv_usec = 0};
  setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

TcpPeer::TcpPeer(TcpPeer&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)), reset_(other.reset_) {}

TcpPeer& TcpPeer::operator=(TcpPeer&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(reset_, other.reset_);
  return *this;
}

TcpPeer::~TcpPeer() { Close(); }

TcpPeer TcpPeer::ConnectTo(const std::string& text) {
  const SocketAddress address = Parse(text);
  TcpPeer peer(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connect(peer.descriptor_, address.get(), address.size()) != 0) Fail(absl::StrCat("connecting to ", text));
  return peer;
}

int TcpPeer::ConnectError(const std::string& text, std::chrono::milliseconds patience) {
  const SocketAddress address = Parse(text);
  const TcpPeer peer(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval limit = {.tv_sec = patience / std::chrono::seconds(1),
                         .tv_usec = patience % std::chrono::seconds(1) / std::chrono::microseconds(1)};
  setsockopt(peer.descriptor_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  return connect(peer.descriptor_, address.get(), address.size()) == 0 ? 0 : errno;
}

bool TcpPeer::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno != EPIPE && errno != ECONNRESET) Fail("sending");
      return false;
    }
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

size_t TcpPeer::SendUntilStuck(std::chrono::milliseconds patience) {
  const std::string bytes(64 << 10, 'x');
  size_t sent = 0;
  while (Ready(descriptor_, POLLOUT, static_cast<int>(patience.count()))) {
    const ssize_t size = send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (size > 0) sent += static_cast<size_t>(size);
  }
  return sent;
}

std::string TcpPeer::Receive(size_t size) {
  std::string bytes(size, '\0');
  size_t received = 0;
  while (received < size) {
    const ssize_t got = recv(descriptor_, bytes.data() + received, size - received, 0);
    if (got < 0 && errno != ECONNRESET) Fail("receiving");
    if (got < 0) reset_ = true;
    if (got <= 0) break;
    received += static_cast<size_t>(got);
  }
  bytes.resize(received);
  return bytes;
}

std::string TcpPeer::ReceiveAll() {
  std::string bytes;
  for (std::string more = Receive(1); !more.empty(); more = Receive(1)) bytes += more;
  return bytes;
}

Ending TcpPeer::AwaitEnding() {
  std::string ignored(4096, '\0');
  ssize_t got = 0;
  do {
    got = recv(descriptor_, ignored.data(), ignored.size(), 0);
  } while (got > 0);
  if (reset_) return Ending::kReset;
  if (got == 0) return Ending::kFin;
  return errno == ECONNRESET ? Ending::kReset : Ending::kNone;
}

bool TcpPeer::HasNews() const { return Ready(descriptor_, POLLIN, 0); }

void TcpPeer::FinishSending() { shutdown(descriptor_, SHUT_WR); }

void TcpPeer::Close() {
  if (descriptor_ >= 0) close(descriptor_);
  descriptor_ = -1;
}

void TcpPeer::Reset() {
  const linger at_once = {.l_onoff = 1, .l_linger = 0};
  setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  Close();
}

TcpListener::TcpListener(const std::string& host) {
  const SocketAddress any_port = Parse(absl::StrCat(host, ":0"));
  descriptor_ = socket(any_port.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(descriptor_, any_port.get(), any_port.size()) != 0 || listen(descriptor_, SOMAXCONN) != 0) Fail("listening");
  address_ = SocketAddress::Of(descriptor_).ToString();
}

TcpListener::~TcpListener() { close(descriptor_); }

TcpPeer TcpListener::Accept() {
  if (!Ready(descriptor_, POLLIN, 30'000)) Fail("nobody connects");
  return TcpPeer(accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC));
}

bool TcpListener::HasVisitor() const { return Ready(descriptor_, POLLIN, 0); }

}  // namespace userclient::testing
