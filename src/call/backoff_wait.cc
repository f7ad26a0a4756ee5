#include "call/backoff_wait.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "call/attempt_context.h"

namespace userclient::internal {

bool WaitUnlessCancelled(TimePoint until, const CallOptions& options) {
  // gRPC tells an attempt that its parent was cancelled, but nobody who merely waits: a parent has to be asked now and then.
  constexpr Duration kAskParentEvery = std::chrono::milliseconds(10);
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  while (!CancelledByCaller(options)) {
    const TimePoint now = std::chrono::steady_clock::now();
    if (now >= until) return true;
    const TimePoint wake = options.parent != nullptr ? std::min(until, now + kAskParentEvery) : until;
    never.wait_until(lock, options.stop, wake, [] { return false; });
  }
  return false;
}

}  // namespace userclient::internal
