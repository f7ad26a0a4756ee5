#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "userclient/circuit_breaker.h"

namespace userctl {

/// What the circuit breakers did while a load ran. *Thread-safe.*
class CircuitLog {
 public:
  struct Entry {
    std::chrono::steady_clock::time_point at{};
    std::string compartment{};
    userclient::CircuitTransition transition{};
  };
  using States = std::map<std::string, userclient::CircuitState>;

  /// The compartments that have a breaker. Each is closed to begin with.
  explicit CircuitLog(const std::vector<std::string>& compartments);

  void Note(std::string_view compartment, const userclient::CircuitTransition& transition);

  /// In the order in which they were told.
  std::vector<Entry> entries() const;

  /// By compartment, as it is now.
  States states() const;

 private:
  struct Latest {
    uint64_t sequence = 0;
    userclient::CircuitState state = userclient::CircuitState::kClosed;
  };

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<Entry> entries_;
  std::map<std::string, Latest> latest_;
};

/// "closed -> open: failure ratio reached (12 of 20 calls failed), tries again in 5 s"
std::string TransitionText(const userclient::CircuitTransition& transition);

}  // namespace userctl
