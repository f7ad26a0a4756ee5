#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "policy/thread_shard.h"

namespace userclient::internal {

/// A value that many threads read and that is seldom replaced, always as a whole. Readers keep the one that they were given.
/// *Thread-safe.* A read is a mutex and a reference count that few threads share.
template <class T>
class SnapshotCell {
 public:
  explicit SnapshotCell(std::shared_ptr<const T> value) : shards_(ShardCount()) { Set(std::move(value)); }
  SnapshotCell(const SnapshotCell&) = delete;
  SnapshotCell& operator=(const SnapshotCell&) = delete;

  std::shared_ptr<const T> Get() const {
    const Shard& shard = shards_[ThreadNumber() & (shards_.size() - 1)];
    const std::lock_guard lock(shard.mutex);
    return shard.value;
  }

  void Set(std::shared_ptr<const T> value) {
    for (Shard& shard : shards_) {
      // One count for each, so that readers do not take it from each other.
      std::shared_ptr<const T> own(value.get(), [value](const T*) {});
      const std::lock_guard lock(shard.mutex);
      // What was there before is let go without the lock.
      shard.value.swap(own);
    }
  }

 private:
  struct alignas(kCacheLine) Shard {
    mutable std::mutex mutex;
    std::shared_ptr<const T> value;
  };

  std::vector<Shard> shards_;
};

}  // namespace userclient::internal
