#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "userclient/testing/fault_proxy.h"

namespace userclient::internal {

/// How a side of a connection ended.
enum class End { kNone, kFin, kReset };

/// The bytes of one direction that are on their way: they enter as fast as the bandwidth allows, and come out in order when their
/// latency is over. Knows no sockets, and time is an argument. Not thread-safe.
class DelayLine {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  DelayLine(uint64_t seed, size_t capacity) : random_(seed), capacity_(capacity) {}

  /// Latency, jitter and bandwidth; also for what has entered already.
  void Set(const testing::WireFaults& faults);

  /// How many bytes may enter now.
  size_t Room(TimePoint now) const;
  /// Small pieces that enter shortly after one another, within a thousandth of their delay, travel together, with the last of
  /// them: so many small ones take little more memory than their bytes.
  void Enter(std::string_view bytes, TimePoint now);
  /// The end is behind all bytes. A reset replaces a FIN, and nothing a reset.
  void EnterEnd(End end, TimePoint now);

  /// Of bytes.
  bool empty() const { return pieces_.empty(); }
  /// Bytes that are due; there may be more behind them.
  std::string_view Front(TimePoint now) const;
  /// So many of Front are gone.
  void Leave(size_t count);
  /// kNone while it is not due.
  End DueEnd(TimePoint now) const;

  /// Gives how many bytes were lost by it.
  size_t DropBytes();

  /// When the front, or the end if there is nothing before it, will be due; absent if there is neither.
  std::optional<TimePoint> NextDue() const;
  /// When bandwidth will let something in again; absent if it is full or lets something in already.
  std::optional<TimePoint> NextRoom(TimePoint now) const;

 private:
  struct Piece {
    std::string bytes{};
    /// The last of them, which its latency counts from, and the first.
    TimePoint entered{};
    TimePoint first_entered{};
    /// Its share of the jitter, from 0 to 1.
    double jitter = 0;
  };

  Piece MakePiece(std::string_view bytes, TimePoint entered);
  bool CanJoinLast(size_t count, TimePoint entered, TimePoint now) const;
  TimePoint DueTime(const Piece& piece) const;

  std::mt19937_64 random_;
  const size_t capacity_;
  std::chrono::nanoseconds latency_{};
  std::chrono::nanoseconds jitter_{};
  std::optional<int64_t> bytes_per_second_;

  std::deque<Piece> pieces_;
  /// Of the first piece.
  size_t left_ = 0;
  size_t size_ = 0;
  End end_ = End::kNone;
  Piece end_piece_;
  /// When what has entered will have passed at this bandwidth.
  TimePoint free_at_{};
};

}  // namespace userclient::internal
