#include "tests/profile/raw_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>

namespace profile_service::testing {

using namespace std::chrono_literals;

RawClient::RawClient(int port) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
}

bool RawClient::Send(std::string_view bytes) const {
  return send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

void RawClient::EndSending() const { shutdown(socket_, SHUT_WR); }

void RawClient::Leave() {
  if (socket_ >= 0) close(socket_);
  socket_ = -1;
}

bool RawClient::AwaitAnything(std::chrono::milliseconds limit) const {
  pollfd watched = {.fd = socket_, .events = POLLIN, .revents = 0};
  return poll(&watched, 1, static_cast<int>(limit.count())) > 0;
}

std::string RawClient::Read(std::size_t most) const {
  std::string bytes(most, '\0');
  const ssize_t size = AwaitAnything(30s) ? recv(socket_, bytes.data(), bytes.size(), 0) : 0;
  bytes.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return bytes;
}

std::string RawClient::ReadExactly(std::size_t size) const {
  std::string bytes;
  while (bytes.size() < size) {
    const std::string some = Read(size - bytes.size());
    if (some.empty()) break;
    bytes += some;
  }
  return bytes;
}

std::string RawClient::ReadAll() const {
  std::string all;
  for (std::string some = Read(4096); !some.empty(); some = Read(4096)) all += some;
  return all;
}

bool RawClient::DribbleUntilAnswered() const {
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (std::chrono::steady_clock::now() < deadline) {
    if (!Send("a") || AwaitAnything(20ms)) return true;
  }
  return false;
}

}  // namespace profile_service::testing
