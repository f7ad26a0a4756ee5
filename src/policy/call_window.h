#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "policy/thread_shard.h"
#include "policy/time.h"

namespace userclient::internal {

/// What a window holds.
struct CallCounts {
  int64_t calls = 0;
  int64_t failures = 0;
  int64_t slow_calls = 0;
};

/// Counts calls over the last `span` of time, in ten buckets: the newest is still filling, so it covers nine tenths to all of it.
/// Every count belongs to an epoch, and an epoch sees only its own: a new one begins with an empty window, at no cost.
///
/// *Thread-safe, never blocks.* A count is one compare-and-swap on a copy of the buckets that few threads share.
class CallWindow {
 public:
  static constexpr int kBuckets = 10;

  explicit CallWindow(Duration span);

  /// `epoch` must never be an older one than one that has been counted for; if it is, the count is lost, as is a count for a time
  /// that the window has left behind.
  void Count(uint64_t epoch, TimePoint now, bool failed, bool slow);

  /// The same for many calls at once.
  void Add(uint64_t epoch, TimePoint now, const CallCounts& counts);

  /// Sums up all buckets of all copies: some hundred nanoseconds.
  CallCounts Totals(uint64_t epoch, TimePoint now) const;

 private:
  // A cell is 14 bits epoch | 26 bits number of the bucket since the clock began | 24 bits count. What a cell counts and what it
  // counts for change together, so there is no moment in which a bucket is being cleared. Both numbers wrap around; a cell would
  // be misread only if nothing touched it until the same numbers came again, 16384 epochs or 67 million buckets later. A count
  // stops at 16 million.
  using Cell = std::atomic<uint64_t>;
  static constexpr int kTagShift = 24;
  static constexpr int kSlotBits = 26;
  static constexpr uint64_t kCountMask = (uint64_t{1} << kTagShift) - 1;
  static constexpr uint64_t kSlotMask = (uint64_t{1} << kSlotBits) - 1;
  static constexpr uint64_t kEpochMask = (uint64_t{1} << 14) - 1;

  struct Bucket {
    Cell successes{0};
    Cell failures{0};
    Cell slow_calls{0};
  };
  struct alignas(kCacheLine) Shard {
    std::array<Bucket, kBuckets> buckets{};
  };

  static uint64_t Tag(uint64_t epoch, uint64_t slot) { return (epoch & kEpochMask) << kSlotBits | (slot & kSlotMask); }
  static bool IsNewer(uint64_t tag, uint64_t than);
  static void Raise(Cell& cell, uint64_t tag, uint64_t by);
  uint64_t SlotAt(TimePoint now) const;

  const uint64_t bucket_width_;
  const std::size_t shard_mask_;
  const std::unique_ptr<Shard[]> shards_;
};

}  // namespace userclient::internal
