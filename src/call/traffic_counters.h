#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "policy/thread_shard.h"
#include "userclient/call_report.h"
#include "userclient/client_snapshot.h"

namespace userclient::internal {

/// What has gone through a compartment since it was made. *Thread-safe, never blocks.* A count is one addition on a line that
/// other threads seldom touch.
class TrafficCounters {
 public:
  TrafficCounters() : shards_(ShardCount()) {}
  TrafficCounters(const TrafficCounters&) = delete;
  TrafficCounters& operator=(const TrafficCounters&) = delete;

  void CountCall() { Raise(shard().calls); }
  void CountFailedCall() { Raise(shard().failed_calls); }
  void CountRejectedCall() { Raise(shard().rejected_calls); }
  void CountAttempt(AttemptReason reason) {
    Shard& mine = shard();
    Raise(mine.attempts);
    if (reason == AttemptReason::kFirst) return;
    Raise(reason == AttemptReason::kHedge ? mine.hedges : mine.retries);
  }
  void CountFailedAttempt() { Raise(shard().failed_attempts); }

  TrafficCounts Totals() const;

 private:
  using Count = std::atomic<int64_t>;
  struct alignas(kCacheLine) Shard {
    Count calls{0};
    Count failed_calls{0};
    Count rejected_calls{0};
    Count attempts{0};
    Count failed_attempts{0};
    Count retries{0};
    Count hedges{0};
  };

  static void Raise(Count& count) { count.fetch_add(1, std::memory_order_relaxed); }
  Shard& shard() { return shards_[ThreadNumber() & (shards_.size() - 1)]; }

  std::vector<Shard> shards_;
};

/// Adds up.
void Add(const TrafficCounts& counts, TrafficCounts& sum);

}  // namespace userclient::internal
