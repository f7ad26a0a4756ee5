#include "call/call_gate.h"

namespace userclient::internal {

CallGate::Pass CallGate::Enter() {
  const size_t shard = ThreadNumber() % kShards;
  // The count goes up before the gate is looked at, and Close looks at the counts after closing it: one of the two sees the
  // other.
  shards_[shard].counts.fetch_add(kCall, std::memory_order_seq_cst);
  Pass pass(this, shard);
  if (closed_.load(std::memory_order_seq_cst)) return {};
  return pass;
}

void CallGate::Subtract(size_t shard, int64_t counts) {
  shards_[shard].counts.fetch_sub(counts, std::memory_order_seq_cst);
  if (!closed_.load(std::memory_order_seq_cst)) return;
  // Under the mutex, so that Close, which looks and then waits, cannot miss it.
  const std::lock_guard lock(mutex_);
  left_.notify_all();
}

int64_t CallGate::counts() const {
  int64_t counts = 0;
  // A call leaves by the shard through which it came in, so no count is ever below zero, and a sum of zero means that all are.
  for (const Shard& shard : shards_) counts += shard.counts.load(std::memory_order_seq_cst);
  return counts;
}

int64_t CallGate::inside() const { return CallsOf(counts()); }

void CallGate::CloseForEntry() { closed_.store(true, std::memory_order_seq_cst); }

bool CallGate::Close(TimePoint deadline) {
  CloseForEntry();
  for (Shard& shard : shards_) shard.closing.request_stop();
  {
    std::unique_lock lock(mutex_);
    if (left_.wait_until(lock, deadline, [this] { return inside() == 0; })) {
      left_.wait(lock, [this] { return counts() == 0; });
      return true;
    }
  }
  CloseNow();
  std::unique_lock lock(mutex_);
  left_.wait(lock, [this] { return counts() == 0; });
  return false;
}

void CallGate::CloseNow() {
  CloseForEntry();
  for (Shard& shard : shards_) {
    shard.closing.request_stop();
    shard.cancel.request_stop();
  }
}

}  // namespace userclient::internal
