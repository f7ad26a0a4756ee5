#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "discovery/dns_lookup.h"
#include "discovery/dns_name.h"
#include "discovery/endpoint_history.h"
#include "userclient/endpoints.h"

namespace userclient::internal {

struct DnsWatcherOptions {
  /// Between two lookups, give or take a fifth. More than 0.
  std::chrono::nanoseconds interval = std::chrono::seconds(5);
  DnsLookupOptions lookup{};
  /// Told of kFirst, kChanged and kConfirmed, with the endpoints as they are now.
  std::function<void(EndpointNews news, const Endpoints& endpoints)> on_endpoints{};
  /// Told of each lookup that failed. The endpoints stay what they were.
  std::function<void(const absl::Status& status)> on_failure{};
};

/// Follows the addresses of a name, with one thread.
///
/// *Thread-safe.* The functions of the options are called on the watcher's thread, one at a time, no lock held. They may call
/// anything of the watcher, but must not destroy it.
class DnsWatcher {
 public:
  struct Snapshot {
    Endpoints endpoints{};
    std::optional<std::chrono::steady_clock::time_point> last_success{};
    /// Why the last lookup failed; OK if it did not.
    absl::Status failure{};
    int64_t lookups = 0;
    int64_t changes = 0;
  };

  /// The first lookup begins at once. *Errors:* INVALID_ARGUMENT for an interval that cannot be; RESOURCE_EXHAUSTED if the system
  /// gives no thread.
  static absl::StatusOr<std::unique_ptr<DnsWatcher>> Start(DnsName name, DnsWatcherOptions options);
  /// As Stop.
  ~DnsWatcher();

  DnsWatcher(const DnsWatcher&) = delete;
  DnsWatcher& operator=(const DnsWatcher&) = delete;

  const DnsName& name() const { return name_; }

  /// Looks without waiting for the interval to pass, but never more often than once a second (or an interval, if that is less),
  /// and after a lookup that has failed only once an interval. A lookup under way is enough. *Never blocks.*
  void LookNow();

  /// Ends the watch and cancels a lookup under way. Waits for a function of the options that is just running; when this returns,
  /// none is called any more. In such a function it does not wait.
  void Stop();

  Snapshot snapshot() const;

 private:
  DnsWatcher(DnsName name, DnsWatcherOptions options);

  void Run();
  void Announce(EndpointNews news, const Endpoints& endpoints, const absl::Status& failure) const;
  /// Until `next`, or, if somebody wants a lookup now, `earliest`; or until a stop is requested.
  void WaitUntil(std::chrono::steady_clock::time_point next, std::chrono::steady_clock::time_point earliest);

  const DnsName name_;
  const DnsWatcherOptions options_;
  std::stop_source stop_;

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  // Guarded by mutex_.
  EndpointHistory history_;
  bool look_now_ = false;

  std::mutex stopping_;
  // Guarded by stopping_, once the watch has begun.
  std::thread thread_;
  /// That of thread_, for Stop.
  std::atomic<std::thread::id> thread_id_;
};

}  // namespace userclient::internal
