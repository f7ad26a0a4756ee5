#pragma once

/// Plain sockets, to see what a proxy does to a connection. Everything waits for at most 30 s, and a test that waits longer has
/// failed.

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace userclient::testing {

/// How a connection ended for the one who reads it.
enum class Ending { kNone, kFin, kReset };

/// One end of a TCP connection.
class TcpPeer {
 public:
  /// Every Send goes out at once.
  explicit TcpPeer(int descriptor);
  TcpPeer(TcpPeer&& other) noexcept;
  TcpPeer& operator=(TcpPeer&& other) noexcept;
  ~TcpPeer();

  /// Ends the test program if nobody accepts.
  static TcpPeer ConnectTo(const std::string& address);
  /// The errno of trying to connect, EINPROGRESS if nothing has come of it for so long; 0 if it can be done.
  static int ConnectError(const std::string& address, std::chrono::milliseconds patience = std::chrono::seconds(30));

  /// False once the connection is reset.
  bool Send(std::string_view bytes);
  /// Sends until nothing more is taken for so long, and gives how many bytes that were.
  size_t SendUntilStuck(std::chrono::milliseconds patience);
  /// So many bytes, or fewer if the connection ends.
  std::string Receive(size_t size);
  /// Until the end.
  std::string ReceiveAll();
  /// How it ends, after the bytes that are still to be read.
  Ending AwaitEnding();
  /// Something can be read now: bytes, or an end.
  bool HasNews() const;

  /// No more bytes from here.
  void FinishSending();
  void Close();
  void Reset();

 private:
  int descriptor_ = -1;
  /// The kernel says so once.
  bool reset_ = false;
};

/// A socket that listens on a free port.
class TcpListener {
 public:
  explicit TcpListener(const std::string& host = "127.0.0.1");
  ~TcpListener();
  TcpListener(const TcpListener&) = delete;
  TcpListener& operator=(const TcpListener&) = delete;

  const std::string& address() const { return address_; }
  TcpPeer Accept();
  /// Somebody wants to be accepted.
  bool HasVisitor() const;

 private:
  int descriptor_ = -1;
  std::string address_;
};

}  // namespace userclient::testing
