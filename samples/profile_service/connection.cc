#include "connection.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <string_view>

namespace profile_service {
namespace {

using Clock = std::chrono::steady_clock;

/// False: nothing happened until then.
bool Await(int socket, short events, Clock::time_point deadline) {  // NOLINT(google-runtime-int): as poll has it
  pollfd watched = {.fd = socket, .events = events, .revents = 0};
  while (true) {
    // However much there is to do: who is too late is too late.
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return false;
    const int ready = poll(&watched, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

/// What is there at the moment, of POLLERR, POLLHUP and POLLRDHUP.
int Happenings(int socket) {
  pollfd watched = {.fd = socket, .events = POLLRDHUP, .revents = 0};
  return poll(&watched, 1, 0) > 0 ? watched.revents : 0;
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

bool Connection::AwaitRequest() {
  if (!HasReadAhead()) {
    if (!Await(socket_, POLLIN, Clock::now() + limits_.idle)) return false;
    char byte = 0;
    if (recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) return false;
  }
  request_deadline_ = Clock::now() + limits_.request;
  answers_ = false;
  asked_ = false;
  taken_ = 0;
  head_ = {};
  return true;
}

bool Connection::IsGone(bool may_ask) {
  const int happenings = Happenings(socket_);
  if ((happenings & (POLLERR | POLLHUP)) != 0) return true;
  if ((happenings & POLLRDHUP) != 0 && may_ask && !asked_) {
    asked_ = true;
    constexpr std::string_view kStillThere = "HTTP/1.1 100 Continue\r\n\r\n";
    const ssize_t sent = send(socket_, kStillThere.data(), kStillThere.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent < 0 && (errno == EPIPE || errno == ECONNRESET);
  }
  return false;
}

bool Connection::AwaitReadable() {
  answers_ = false;
  if (HasReadAhead() || Await(socket_, POLLIN, request_deadline_)) return true;
  overdue_ = true;
  return false;
}

bool Connection::AwaitWritable() {
  if (!answers_) answer_deadline_ = Clock::now() + limits_.answer;
  answers_ = true;
  return Await(socket_, POLLOUT, answer_deadline_);
}

std::ptrdiff_t Connection::Read(char* data, std::size_t size) {
  if (taken_ >= limits_.bytes) {
    too_long_ = true;
    return -1;
  }
  if (!AwaitReadable()) return -1;
  if (!HasReadAhead()) {
    ssize_t received = 0;
    do {
      received = recv(socket_, ahead_.data(), ahead_.size(), 0);
    } while (received < 0 && errno == EINTR);
    if (received <= 0) return received;
    begin_ = 0;
    end_ = static_cast<std::size_t>(received);
  }
  const std::size_t count = std::min({size, end_ - begin_, limits_.bytes - taken_});
  std::copy_n(ahead_.data() + begin_, count, data);
  for (std::size_t i = 0; i < count; ++i) head_.Take(data[i]);
  begin_ += count;
  taken_ += count;
  return static_cast<ssize_t>(count);
}

std::ptrdiff_t Connection::Write(const char* data, std::size_t size) {
  for (std::size_t written = 0; written < size;) {
    if (!AwaitWritable()) return -1;
    const ssize_t sent = send(socket_, data + written, size - written, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EINTR && errno != EAGAIN) return -1;
    written += static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
  }
  return static_cast<std::ptrdiff_t>(size);
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

void OpenConnections::Add(int socket) {
  const std::lock_guard lock(mutex_);
  sockets_.emplace(socket, false);
}

void OpenConnections::Remove(int socket) {
  const std::lock_guard lock(mutex_);
  sockets_.erase(socket);
}

bool OpenConnections::BeginWait(int socket) {
  const std::lock_guard lock(mutex_);
  if (!stopped_) sockets_[socket] = true;
  return !stopped_;
}

void OpenConnections::EndWait(int socket) {
  const std::lock_guard lock(mutex_);
  sockets_[socket] = false;
}

void OpenConnections::StopWaiting() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  for (const auto& [socket, waits] : sockets_) {
    if (waits) shutdown(socket, SHUT_RD);
  }
}

void OpenConnections::CutOff() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  for (const auto& [socket, waits] : sockets_) shutdown(socket, SHUT_RDWR);
}

}  // namespace profile_service
