#pragma once

#include <memory>

namespace userclient::internal {

/// Has a thread asleep, for which there is something now.
class Sleeper {
 public:
  /// Wakes it. Any thread; no lock held.
  virtual void Wake() = 0;

 protected:
  ~Sleeper() = default;
};

/// Wakes it as soon as the present thread has nothing else to do, which is soon. False, and nothing will be woken: the present
/// thread does not look after sleepers (see SleeperRound).
bool WakeWhenIdle(std::shared_ptr<Sleeper> sleeper);

}  // namespace userclient::internal
