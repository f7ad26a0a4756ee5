#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "policy/time.h"
#include "userclient/service_config.h"

namespace userclient::internal {

/// The last good answers of one method, by what was asked (RFC 5861, stale-if-error). Those that nobody has used for longest make
/// room for new ones. *Thread-safe.* One mutex, under which answers are copied at most.
class StaleCache {
 public:
  struct Answer {
    std::string bytes{};
    Duration age{};
  };

  /// What one answer takes besides its key and its bytes: two nodes, a bucket, and what malloc adds to each; rounded up.
  static constexpr int64_t kOverhead = 256;

  explicit StaleCache(const StaleIfErrorOptions& options) : max_age_(options.max_age), max_bytes_(options.max_bytes) {}
  StaleCache(const StaleCache&) = delete;
  StaleCache& operator=(const StaleCache&) = delete;

  /// What is too much now goes at once, what is too old when it is asked for.
  void SetOptions(const StaleIfErrorOptions& options);

  /// Keeps an answer, in the place of an older one to the same. One that alone is more than max_bytes is not kept, nor is the one
  /// before it.
  void Put(std::string key, std::string bytes, TimePoint now);

  /// The last answer; nullopt if there is none, or it is older than max_age.
  std::optional<Answer> Find(std::string_view key, TimePoint now);

  /// What is kept, by the count that max_bytes limits.
  int64_t bytes() const;

 private:
  struct Entry {
    std::string key{};
    std::string bytes{};
    TimePoint received{};
  };
  using Entries = std::list<Entry>;

  static int64_t SizeOf(const Entry& entry) {
    return static_cast<int64_t>(entry.key.size()) + static_cast<int64_t>(entry.bytes.size()) + kOverhead;
  }
  /// Moves an entry out of the cache, to be freed where no lock is held.
  void Remove(Entries::iterator entry, Entries& removed);

  mutable std::mutex mutex_;
  // Guarded by mutex_. The entry used last comes first.
  Duration max_age_;
  int64_t max_bytes_;
  Entries entries_;
  /// Keys are those of the entries.
  std::unordered_map<std::string_view, Entries::iterator> by_key_;
  int64_t bytes_ = 0;
};

}  // namespace userclient::internal
