#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "absl/status/status.h"

namespace userclient::internal {

class SharedCall;
struct Flight;

/// Of the calls of one method that ask the same at the same time, one is sent: the flight. It belongs to none of them. It is a
/// call of its own, with the deadline of the method or that of the first who asked, whichever is later, and goes on for as long
/// as anybody waits for it. What it ends with, refusals included, all who wait get, and it is counted once.
///
/// *Thread-safe.* Calls and callers are never touched under its mutex.
class SingleFlight : public std::enable_shared_from_this<SingleFlight> {
 public:
  SingleFlight() = default;
  SingleFlight(const SingleFlight&) = delete;
  SingleFlight& operator=(const SingleFlight&) = delete;

  /// Puts a call on the flight for its key, or sends one if there is none. It may land before this returns.
  void Join(const std::shared_ptr<SharedCall>& call);

  /// Takes a call that does not wait any more off its flight; nothing happens if it is on none. Cancels a flight for which nobody
  /// waits.
  void Leave(SharedCall& call);

  /// The flight has ended.
  void Land(Flight& flight, const absl::Status& status, int winner);

 private:
  void Forget(const Flight& flight);

  std::mutex mutex_;
  // Guarded by mutex_, as are the flights' own lists. By key; a flight that nobody can join any more is not in here.
  std::unordered_map<std::string, std::shared_ptr<Flight>> open_;
};

}  // namespace userclient::internal
