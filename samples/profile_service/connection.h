#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>

#include "request_head.h"

namespace profile_service {

/// How long a client may keep a connection busy, however little it sends or takes at a time.
struct ConnectionLimits {
  /// Until the next request begins.
  std::chrono::milliseconds idle = std::chrono::seconds(5);
  /// From the first byte of a request to its last.
  std::chrono::milliseconds request = std::chrono::seconds(5);
  /// From the first byte of an answer to its last.
  std::chrono::milliseconds answer = std::chrono::seconds(10);
  /// Of a request, with its line, its headers and its body. The library limits only a body whose length is told.
  std::size_t bytes = 128 << 10;
};

/// A connection of an HTTP server, which can tell whether its client has left. Used by one thread.
class Connection {
 public:
  /// Leaves the socket open when it is destroyed.
  Connection(int socket, const ConnectionLimits& limits) : socket_(socket), limits_(limits) {}

  /// Blocks until a request begins, whose limit begins with it: true; or the client has left, or has asked for nothing too long.
  bool AwaitRequest();
  /// While a request is answered: whether nobody is there any more. A client that has closed its side only still wants its
  /// answer; it looks like one that has closed everything, until something is sent to it. With `may_ask`, for HTTP/1.1, that is
  /// an interim `100 Continue`, which clients pass over, and which is refused where nobody is left.
  bool IsGone(bool may_ask);
  /// The request did not come in time.
  bool request_overdue() const { return overdue_; }
  /// There was no end to it.
  bool request_too_long() const { return too_long_; }
  /// What has been read of the present request's head.
  const RequestHead& head() const { return head_; }
  /// Something of the request may be left unread, which must not be taken for the next one.
  void Distrust() { distrusted_ = true; }
  /// Another request can follow.
  bool usable() const { return !overdue_ && !too_long_ && !distrusted_; }

  /// As httplib::Stream wants them.
  bool HasReadAhead() const { return begin_ < end_; }
  bool AwaitReadable();
  bool AwaitWritable();
  /// How much; -1: failed, or took too long; 0: the client sends no more.
  std::ptrdiff_t Read(char* data, std::size_t size);
  /// All of it, or -1: failed, or took too long.
  std::ptrdiff_t Write(const char* data, std::size_t size);
  void NameRemote(std::string& ip, int& port) const;
  void NameLocal(std::string& ip, int& port) const;
  int socket() const { return socket_; }

 private:
  using Clock = std::chrono::steady_clock;

  const int socket_;
  const ConnectionLimits limits_;
  Clock::time_point request_deadline_;
  Clock::time_point answer_deadline_;
  /// Since something was read last, something was written.
  bool answers_ = false;
  bool overdue_ = false;
  bool too_long_ = false;
  bool distrusted_ = false;
  bool asked_ = false;
  /// Of the present request.
  std::size_t taken_ = 0;
  RequestHead head_;
  /// What was read ahead: a request is asked for byte by byte.
  std::array<char, 4096> ahead_{};
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

/// The sockets of a server, so that they can be closed when it stops. *Thread-safe.*
class OpenConnections {
 public:
  void Add(int socket);
  /// Before it is closed.
  void Remove(int socket);
  /// A request is awaited on it. False: the server has stopped.
  bool BeginWait(int socket);
  void EndWait(int socket);
  /// Ends the wait of all, and of all that come.
  void StopWaiting();
  /// Ends whatever goes on: nothing more is read or written.
  void CutOff();

 private:
  std::mutex mutex_;
  /// Whether it waits.
  std::map<int, bool> sockets_;
  bool stopped_ = false;
};

}  // namespace profile_service
