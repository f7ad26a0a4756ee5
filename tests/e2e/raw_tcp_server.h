#pragma once

#include <string>
#include <thread>

namespace userclient::testing {

/// Listens on a loopback port and is no gRPC server: says its piece to everyone who connects, and then nothing, holding the
/// connection.
class RawTcpServer {
 public:
  /// An empty `greeting`: accepts, and stays silent.
  explicit RawTcpServer(std::string greeting);
  ~RawTcpServer();

  RawTcpServer(const RawTcpServer&) = delete;
  RawTcpServer& operator=(const RawTcpServer&) = delete;

  /// HOST:PORT
  const std::string& address() const { return address_; }

 private:
  void Serve();

  const std::string greeting_;
  int listener_ = -1;
  std::string address_;
  std::thread thread_;
};

/// A loopback port that refuses every connection, for as long as this lives: bound by it, and not listened on.
class ClosedPort {
 public:
  ClosedPort();
  ~ClosedPort();

  ClosedPort(const ClosedPort&) = delete;
  ClosedPort& operator=(const ClosedPort&) = delete;

  /// HOST:PORT
  const std::string& address() const { return address_; }

 private:
  int socket_ = -1;
  std::string address_;
};

}  // namespace userclient::testing
