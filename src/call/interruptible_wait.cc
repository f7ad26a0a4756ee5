#include "call/interruptible_wait.h"

#include "call/attempt_context.h"

namespace userclient::internal {

bool Interruption::requested() const { return shutdown_.stop_requested() || CancelledByCaller(options_); }

bool Interruption::RequestedSoon() const {
  if (options_.parent != nullptr && !requested()) return !Sleep(std::chrono::steady_clock::now() + kAskParentEvery);
  return requested();
}

bool Interruption::Sleep(TimePoint until) const {
  std::mutex mutex;
  std::condition_variable_any never;
  WaitUntil(mutex, never, until, [] { return false; });
  return !requested();
}

}  // namespace userclient::internal
