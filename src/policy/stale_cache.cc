#include "policy/stale_cache.h"

#include <iterator>
#include <utility>

namespace userclient::internal {

void StaleCache::SetOptions(const StaleIfErrorOptions& options) {
  Entries removed;
  const std::lock_guard lock(mutex_);
  max_age_ = options.max_age;
  max_bytes_ = options.max_bytes;
  while (bytes_ > max_bytes_) Remove(std::prev(entries_.end()), removed);
}

void StaleCache::Put(std::string key, std::string bytes, TimePoint now) {
  Entries added;
  added.push_back({.key = std::move(key), .bytes = std::move(bytes), .received = now});
  // The count is of what is used, so nothing else may be held.
  added.front().key.shrink_to_fit();
  added.front().bytes.shrink_to_fit();
  const int64_t size = SizeOf(added.front());

  Entries removed;
  const std::lock_guard lock(mutex_);
  if (const auto found = by_key_.find(added.front().key); found != by_key_.end()) {
    // Two calls may end in one order and come here in the other.
    if (found->second->received > now) return;
    Remove(found->second, removed);
  }
  if (size > max_bytes_) return;
  while (bytes_ + size > max_bytes_) Remove(std::prev(entries_.end()), removed);
  entries_.splice(entries_.begin(), added);
  by_key_.emplace(entries_.front().key, entries_.begin());
  bytes_ += size;
}

std::optional<StaleCache::Answer> StaleCache::Find(std::string_view key, TimePoint now) {
  Entries removed;
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return std::nullopt;
  const Entries::iterator entry = found->second;
  const Duration age = now - entry->received;
  if (age > max_age_) {
    Remove(entry, removed);
    return std::nullopt;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  return Answer{.bytes = entry->bytes, .age = age};
}

int64_t StaleCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

void StaleCache::Remove(Entries::iterator entry, Entries& removed) {
  by_key_.erase(entry->key);
  bytes_ -= SizeOf(*entry);
  removed.splice(removed.end(), entries_, entry);
}

}  // namespace userclient::internal
