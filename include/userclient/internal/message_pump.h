#pragma once

#include "absl/functional/function_ref.h"

namespace userclient::internal {

/// What brings the messages of streams: whoever waits for one may work it himself, which saves the way from one thread to
/// another. *Thread-safe.*
class MessagePump {
 public:
  /// Brings messages on this thread until there are enough. Returns at once, or before, if somebody else has to do it; he then
  /// does.
  virtual void PumpUntil(absl::FunctionRef<bool()> enough) = 0;
  /// `enough` has something new to look at, which did not come from the pump.
  virtual void LookAgain() = 0;

 protected:
  ~MessagePump() = default;
};

}  // namespace userclient::internal
