#include "connection.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>

namespace profile_service {
namespace {

constexpr std::chrono::milliseconds kIoLimit = std::chrono::seconds(5);

/// False: nothing happened for so long.
bool Await(int socket, short events, std::chrono::milliseconds limit) {  // NOLINT(google-runtime-int): as poll has it
  pollfd watched = {.fd = socket, .events = events, .revents = 0};
  int ready = 0;
  do {
    ready = poll(&watched, 1, static_cast<int>(limit.count()));
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

void NameOf(const sockaddr_storage& address, socklen_t size, std::string& ip, int& port) {
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> service{};
  if (getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host.data(), host.size(), service.data(), service.size(),
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return;
  }
  ip = host.data();
  const std::string text = service.data();
  std::from_chars(text.data(), text.data() + text.size(), port);
}

}  // namespace

bool Connection::IsGone() const {
  char byte = 0;
  const ssize_t size = recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return size == 0 || (size < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

bool Connection::AwaitRequest(std::chrono::milliseconds limit) const {
  if (begin_ < end_) return true;
  return Await(socket_, POLLIN, limit) && !IsGone();
}

bool Connection::AwaitReadable() const { return begin_ < end_ || Await(socket_, POLLIN, kIoLimit); }

bool Connection::AwaitWritable() const { return Await(socket_, POLLOUT, kIoLimit); }

std::ptrdiff_t Connection::Read(char* data, std::size_t size) {
  if (begin_ == end_) {
    if (!AwaitReadable()) return -1;
    ssize_t received = 0;
    do {
      received = recv(socket_, ahead_.data(), ahead_.size(), 0);
    } while (received < 0 && errno == EINTR);
    if (received <= 0) return received;
    begin_ = 0;
    end_ = static_cast<std::size_t>(received);
  }
  const std::size_t count = std::min(size, end_ - begin_);
  std::copy_n(ahead_.data() + begin_, count, data);
  begin_ += count;
  return static_cast<ssize_t>(count);
}

std::ptrdiff_t Connection::Write(const char* data, std::size_t size) const {
  if (!AwaitWritable()) return -1;
  ssize_t sent = 0;
  do {
    sent = send(socket_, data, size, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

void Connection::NameRemote(std::string& ip, int& port) const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getpeername(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0) NameOf(address, size, ip, port);
}

void Connection::NameLocal(std::string& ip, int& port) const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0) NameOf(address, size, ip, port);
}

bool IdleConnections::Add(int socket) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return false;
  sockets_.insert(socket);
  return true;
}

void IdleConnections::Remove(int socket) {
  const std::lock_guard lock(mutex_);
  sockets_.erase(socket);
}

void IdleConnections::Stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  for (const int socket : sockets_) shutdown(socket, SHUT_RD);
}

bool IdleConnections::stopped() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

}  // namespace profile_service
