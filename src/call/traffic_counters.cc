#include "call/traffic_counters.h"

namespace userclient::internal {

TrafficCounts TrafficCounters::Totals() const {
  TrafficCounts totals;
  for (const Shard& shard : shards_) {
    const auto read = [](const Count& count) { return count.load(std::memory_order_relaxed); };
    Add({.calls = read(shard.calls),
         .failed_calls = read(shard.failed_calls),
         .rejected_calls = read(shard.rejected_calls),
         .attempts = read(shard.attempts),
         .failed_attempts = read(shard.failed_attempts),
         .retries = read(shard.retries),
         .hedges = read(shard.hedges)},
        totals);
  }
  return totals;
}

void Add(const TrafficCounts& counts, TrafficCounts& sum) {
  sum.calls += counts.calls;
  sum.failed_calls += counts.failed_calls;
  sum.rejected_calls += counts.rejected_calls;
  sum.attempts += counts.attempts;
  sum.failed_attempts += counts.failed_attempts;
  sum.retries += counts.retries;
  sum.hedges += counts.hedges;
}

}  // namespace userclient::internal
