#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/malice/http2_frames.h"

namespace userclient::testing {

/// How fast a flood comes.
enum class Pace {
  /// Some thousand bytes, or one piece if that is more, in a millisecond. No faster where the caller blocks, because frames that
  /// cost gRPC (1.51) more than their sender, one after the other without a gap, hold his thread: it reads for as long as there
  /// is something to be read, and sees its own deadline after that.
  kMeasured,
  /// As fast as the client reads.
  kFullSpeed,
};

/// One connection of a client, in the hands of somebody who wishes it ill. Not thread-safe.
class MaliciousConnection {
 public:
  /// `sent`: by all of the server.
  MaliciousConnection(int socket, std::atomic<int64_t>& sent) : socket_(socket), sent_(sent) {}

  /// Waits until the client has said what it speaks. False: it went before.
  bool AwaitPreface();

  /// Behaves until a whole request has arrived: sends these settings first, and answers settings and pings. The stream of the
  /// request; nullopt once the client is gone, or the server is.
  std::optional<uint32_t> AwaitRequest(const SettingsList& settings = {});

  /// Blocks while the client takes nothing. False once it is gone.
  bool Send(std::string_view bytes);

  /// Sends these bytes as the data of a stream, no faster than the client lets it (flow control). Blocks meanwhile. False once
  /// the client is gone, or wants no more of the stream.
  bool SendData(uint32_t stream, std::string_view bytes);

  /// Sends the same over and over, until the client is gone, or the server has sent so many bytes over all its connections.
  void Flood(std::string_view bytes, Pace pace, int64_t enough = std::numeric_limits<int64_t>::max());

  /// Sends byte by byte with a pause behind each, and then says nothing any more, until the client is gone.
  void Drip(std::string_view bytes, std::chrono::milliseconds pause);

  /// Says nothing any more, until the client is gone.
  void Linger();

 private:
  struct ReceivedFrame {
    FrameType type{};
    uint8_t flags = 0;
    uint32_t stream = 0;
    std::string payload{};
  };

  /// Waits for so many bytes.
  bool Receive(std::string& bytes, size_t size);
  /// The next frame, after what a server owes for it.
  std::optional<ReceivedFrame> ReceiveFrame();
  bool Acknowledge(const ReceivedFrame& frame);

  const int socket_;
  std::atomic<int64_t>& sent_;
  bool greeted_ = false;
  /// How much the client takes: in all, of a new stream, and of the present one.
  int64_t window_ = 65535;
  int64_t initial_window_ = 65535;
  int64_t stream_window_ = 65535;
};

/// A TCP server on a loopback port that does to every connection what the test says, on a thread of its own; then the connection
/// is closed. Its destructor cuts off what is still open.
class MaliciousServer {
 public:
  using Behaviour = std::function<void(MaliciousConnection&)>;

  explicit MaliciousServer(Behaviour behaviour);
  ~MaliciousServer();

  MaliciousServer(const MaliciousServer&) = delete;
  MaliciousServer& operator=(const MaliciousServer&) = delete;

  /// HOST:PORT
  const std::string& address() const { return address_; }

  /// Those that clients have opened so far.
  int connections() const { return connections_; }
  /// Bytes, over all of them.
  int64_t sent() const { return sent_; }

 private:
  void Accept();
  void Serve(int socket);

  const Behaviour behaviour_;
  int listener_ = -1;
  std::string address_;
  std::atomic<int> connections_ = 0;
  std::atomic<int64_t> sent_ = 0;
  std::mutex mutex_;
  bool stopped_ = false;
  /// Those that are open.
  std::vector<int> sockets_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace userclient::testing
