#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <set>
#include <string>

namespace profile_service {

/// A connection of an HTTP server, which can tell whether its client has left.
class Connection {
 public:
  /// Leaves the socket open when it is destroyed.
  explicit Connection(int socket) : socket_(socket) {}

  /// The client has closed it, or its side of it.
  bool IsGone() const;
  /// Blocks until a request begins: true; or the client has left, or has asked for nothing this long.
  bool AwaitRequest(std::chrono::milliseconds limit) const;

  /// As httplib::Stream wants them. They block for 5 s at most.
  bool AwaitReadable() const;
  bool AwaitWritable() const;
  /// -1: failed; 0: the client has left.
  std::ptrdiff_t Read(char* data, std::size_t size);
  std::ptrdiff_t Write(const char* data, std::size_t size) const;
  void NameRemote(std::string& ip, int& port) const;
  void NameLocal(std::string& ip, int& port) const;
  int socket() const { return socket_; }

 private:
  const int socket_;
  /// What was read ahead: a request is asked for byte by byte.
  std::array<char, 4096> ahead_{};
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

/// The sockets on which no request is under way, so that they can be closed when the server stops. *Thread-safe.*
class IdleConnections {
 public:
  /// False: the server has stopped.
  bool Add(int socket);
  void Remove(int socket);
  /// Ends the wait of all, and of all that come.
  void Stop();
  bool stopped() const;

 private:
  mutable std::mutex mutex_;
  std::set<int> sockets_;
  bool stopped_ = false;
};

}  // namespace profile_service
