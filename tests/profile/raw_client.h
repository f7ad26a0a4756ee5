#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace profile_service::testing {

/// A client that sends bytes, and does what no good client does.
class RawClient {
 public:
  /// Connects to 127.0.0.1.
  explicit RawClient(int port);
  ~RawClient() { Leave(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  /// False: the server takes no more.
  bool Send(std::string_view bytes) const;
  /// Closes its side: it sends no more, and still reads.
  void EndSending() const;
  /// Closes both.
  void Leave();

  /// Whether there is something to read, or the server has closed the connection, within so long.
  bool AwaitAnything(std::chrono::milliseconds limit) const;
  /// What comes at once, at most this much; empty: nothing more comes.
  std::string Read(std::size_t most) const;
  /// Exactly this much, in however many pieces it comes; less if nothing more comes.
  std::string ReadExactly(std::size_t size) const;
  /// Everything until the server closes the connection, or nothing came for half a minute.
  std::string ReadAll() const;

  /// Sends a byte fifty times a second until the server answers or closes the connection: true; or half a minute has passed.
  bool DribbleUntilAnswered() const;

 private:
  int socket_;
};

}  // namespace profile_service::testing
