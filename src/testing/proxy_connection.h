#pragma once

#include <poll.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "testing/delay_line.h"
#include "testing/socket.h"
#include "userclient/testing/fault_proxy.h"

namespace userclient::internal {

/// One connection over the proxy: the socket of the client, that to the server, and a wire for each direction. Whoever owns it
/// polls for it:
///
///   connection.AddTo(polled, now);
///   ... ppoll(polled, until connection.NextEvent(now)) ...
///   connection.Serve(polled, now);
///
/// Not thread-safe.
class ProxyConnection {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  struct Options {
    Socket client{};
    SocketAddress upstream{};
    uint64_t seed = 0;
    size_t buffer_bytes = 0;
    /// Of the kernel, for the server's socket.
    int socket_buffer = 0;
    /// Where bytes are for the time of a call; those that are served by one thread share it. As large as the largest piece that
    /// is read.
    std::span<char> scratch{};
  };

  /// Adds to the counts for as long as it lives.
  ProxyConnection(Options options, const testing::ProxyFaults& faults, testing::ProxyCounts& counts, TimePoint now);
  ProxyConnection(const ProxyConnection&) = delete;
  ProxyConnection& operator=(const ProxyConnection&) = delete;
  /// Resets what is not done.
  ~ProxyConnection() { Reset(); }

  void Set(const testing::ProxyFaults& faults, TimePoint now);

  /// What it waits for. Serve must get the same vector.
  void AddTo(std::vector<pollfd>& polled, TimePoint now);
  /// When it wants to be served even if nothing happens; absent if never.
  std::optional<TimePoint> NextEvent(TimePoint now) const;
  void Serve(const std::vector<pollfd>& polled, TimePoint now);

  /// RST to both sides, because of a fault.
  void Reset();
  /// Nothing more will happen.
  bool done() const { return done_; }

 private:
  /// The side that a wire comes from, and the one that it goes to, by their index.
  static constexpr size_t kClient = 0;
  static constexpr size_t kServer = 1;

  struct Side {
    /// None: the server has not been asked yet.
    Socket socket{};
    bool connecting = false;
    /// poll has nothing new to say about it, and would say it over and over.
    bool hung_up = false;
    /// It takes no more bytes.
    bool gone = false;
    /// It takes no bytes now.
    bool full = false;
    bool readable = false;
    /// Its place among what is polled.
    std::optional<size_t> place{};
  };

  struct Wire {
    size_t from = 0;
    size_t to = 0;
    DelayLine line;
    testing::WireFaults faults{};
    /// Of WireFaults::cut_after and corrupt_after.
    std::optional<int64_t> left_to_cut{};
    std::optional<int64_t> left_to_corrupt{};
    /// Bytes were swallowed: what comes after them is no continuation of what came before.
    bool has_hole = false;
    /// What the sender has done, and what the receiver has been told of it.
    End ended = End::kNone;
    End told = End::kNone;
  };

  void SetWire(Wire& wire, const testing::WireFaults& faults);
  bool Wants(const Wire& wire, TimePoint now) const;
  void Connect(TimePoint now);
  void Unanswered(TimePoint now);
  void Look(Side& side, int events, TimePoint now);
  void FinishConnecting(TimePoint now);
  void Read(Wire& wire, TimePoint now);
  void Write(Wire& wire, TimePoint now);
  void WriteBytes(Wire& wire, TimePoint now);
  std::string_view AsPassedOn(const Wire& wire, std::string_view bytes) const;
  void TellEnd(Wire& wire, TimePoint now);
  static void Ended(Wire& wire, End end, TimePoint now);
  void Gone(Wire& wire, TimePoint now);
  void Swallow(Wire& wire, size_t bytes);
  void CutNow(testing::Cut cut);
  void ReadToTheEnd();
  void Close();

  const SocketAddress upstream_;
  const int socket_buffer_;
  const std::span<char> scratch_;
  testing::ProxyCounts& counts_;
  std::array<Side, 2> sides_;
  /// By the side that they come from.
  std::array<Wire, 2> wires_;
  /// All that was to be passed on has been; the reset waits until the kernel has sent it.
  bool cutting_ = false;
  /// Both sides have been told FIN. It is over once they have ended: a socket that is closed before all is read sends a RST.
  bool closing_ = false;
  bool done_ = false;
};

}  // namespace userclient::internal
