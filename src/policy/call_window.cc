#include "policy/call_window.h"

#include <algorithm>

namespace userclient::internal {

CallWindow::CallWindow(Duration span)
    : bucket_width_(static_cast<uint64_t>(span.count()) / kBuckets),
      shard_mask_(ShardCount() - 1),
      shards_(std::make_unique<Shard[]>(shard_mask_ + 1)) {}

void CallWindow::Count(uint64_t epoch, TimePoint now, bool failed, bool slow) {
  const uint64_t slot = SlotAt(now);
  const uint64_t tag = Tag(epoch, slot);
  Bucket& bucket = shards_[ThreadNumber() & shard_mask_].buckets[slot % kBuckets];
  Raise(failed ? bucket.failures : bucket.successes, tag, 1);
  if (slow) Raise(bucket.slow_calls, tag, 1);
}

void CallWindow::Add(uint64_t epoch, TimePoint now, const CallCounts& counts) {
  const uint64_t slot = SlotAt(now);
  const uint64_t tag = Tag(epoch, slot);
  Bucket& bucket = shards_[ThreadNumber() & shard_mask_].buckets[slot % kBuckets];
  Raise(bucket.successes, tag, static_cast<uint64_t>(counts.calls - counts.failures));
  Raise(bucket.failures, tag, static_cast<uint64_t>(counts.failures));
  Raise(bucket.slow_calls, tag, static_cast<uint64_t>(counts.slow_calls));
}

CallCounts CallWindow::Totals(uint64_t epoch, TimePoint now) const {
  const uint64_t newest = Tag(epoch, SlotAt(now));
  const auto count_in = [&](const Cell& cell) -> int64_t {
    const uint64_t value = cell.load(std::memory_order_relaxed);
    const uint64_t tag = value >> kTagShift;
    const bool same_epoch = tag >> kSlotBits == newest >> kSlotBits;
    const bool in_window = ((newest - tag) & kSlotMask) < kBuckets;
    return same_epoch && in_window ? static_cast<int64_t>(value & kCountMask) : 0;
  };
  CallCounts totals;
  for (std::size_t shard = 0; shard <= shard_mask_; ++shard) {
    for (const Bucket& bucket : shards_[shard].buckets) {
      const int64_t failures = count_in(bucket.failures);
      totals.calls += count_in(bucket.successes) + failures;
      totals.failures += failures;
      totals.slow_calls += count_in(bucket.slow_calls);
    }
  }
  return totals;
}

/// Whether a tag is a little ahead of another. One that is far ahead is in truth far behind: the numbers wrap around.
bool CallWindow::IsNewer(uint64_t tag, uint64_t than) {
  constexpr uint64_t kLittle = 64;
  const uint64_t epochs_ahead = ((tag >> kSlotBits) - (than >> kSlotBits)) & kEpochMask;
  if (epochs_ahead != 0) return epochs_ahead < kLittle;
  return ((tag - than) & kSlotMask) < kLittle * kBuckets;
}

void CallWindow::Raise(Cell& cell, uint64_t tag, uint64_t by) {
  uint64_t before = cell.load(std::memory_order_relaxed);
  uint64_t after = 0;
  do {
    if (before >> kTagShift == tag) {
      if ((before & kCountMask) == kCountMask) return;
      after = before + std::min(by, kCountMask - (before & kCountMask));
    } else {
      if ((before & kCountMask) != 0 && IsNewer(before >> kTagShift, tag)) return;
      after = tag << kTagShift | std::min(by, kCountMask);
    }
  } while (!cell.compare_exchange_weak(before, after, std::memory_order_relaxed));
}

uint64_t CallWindow::SlotAt(TimePoint now) const {
  const auto since_clock_began = std::chrono::duration_cast<Duration>(now.time_since_epoch()).count();
  return static_cast<uint64_t>(since_clock_began) / bucket_width_;
}

}  // namespace userclient::internal
