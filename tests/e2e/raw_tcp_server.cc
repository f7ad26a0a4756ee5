#include "tests/e2e/raw_tcp_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>
#include <vector>

namespace userclient::testing {
namespace {

/// A TCP socket bound to a free port of 127.0.0.1.
int BoundSocket() {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in any_port = {};
  any_port.sin_family = AF_INET;
  any_port.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(bind(descriptor, reinterpret_cast<const sockaddr*>(&any_port), sizeof(any_port)), 0);
  return descriptor;
}

std::string AddressOf(int descriptor) {
  sockaddr_in address = {};
  socklen_t size = sizeof(address);
  EXPECT_EQ(getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size), 0);
  return "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

}  // namespace

RawTcpServer::RawTcpServer(std::string greeting)
    : greeting_(std::move(greeting)), listener_(BoundSocket()), address_(AddressOf(listener_)) {
  EXPECT_EQ(listen(listener_, SOMAXCONN), 0);
  thread_ = std::thread([this] { Serve(); });
}

RawTcpServer::~RawTcpServer() {
  shutdown(listener_, SHUT_RDWR);
  thread_.join();
  close(listener_);
}

void RawTcpServer::Serve() {
  std::vector<int> connections;
  int connection = -1;
  while ((connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0) {
    connections.push_back(connection);
    send(connection, greeting_.data(), greeting_.size(), MSG_NOSIGNAL);
  }
  for (int held : connections) close(held);
}

ClosedPort::ClosedPort() : socket_(BoundSocket()), address_(AddressOf(socket_)) {}

ClosedPort::~ClosedPort() { close(socket_); }

}  // namespace userclient::testing
