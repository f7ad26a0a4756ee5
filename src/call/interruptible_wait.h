#pragma once

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "policy/time.h"
#include "userclient/call_options.h"

namespace userclient::internal {

/// gRPC tells an attempt that its parent was cancelled, but nobody who merely waits: a parent has to be asked now and then.
inline constexpr Duration kAskParentEvery = std::chrono::milliseconds(10);

/// The three ways in which a blocking call that waits can be called off: its own stop token, its parent, the client's shutdown.
class Interruption {
 public:
  Interruption(const CallOptions& options, std::stop_token shutdown) : options_(options), shutdown_(std::move(shutdown)) {}

  bool requested() const;

  /// Blocks until `done`, until the time has come, or until the call is called off.
  template <class Predicate>
  void WaitUntil(std::mutex& mutex, std::condition_variable_any& changed, TimePoint until, Predicate done) const {
    // A condition waits with one stop token; the other one wakes it from here.
    std::stop_callback wake(shutdown_, [&] {
      const std::lock_guard lock(mutex);
      changed.notify_all();
    });
    std::unique_lock lock(mutex);
    while (!done() && !requested()) {
      const TimePoint now = std::chrono::steady_clock::now();
      if (now >= until) return;
      const TimePoint next = options_.parent != nullptr ? std::min(until, now + kAskParentEvery) : until;
      changed.wait_until(lock, options_.stop, next, [&] { return done() || shutdown_.stop_requested(); });
    }
  }

  /// The same after an attempt has ended with CANCELLED. A parent's cancellation reaches its children a moment before the parent
  /// knows.
  bool RequestedSoon() const;

  /// Waits for nothing but time. False as soon as the call is called off.
  bool Sleep(TimePoint until) const;

 private:
  const CallOptions& options_;
  const std::stop_token shutdown_;
};

}  // namespace userclient::internal
