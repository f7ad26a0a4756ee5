#pragma once

#include <atomic>

namespace profile_service {

/// Whether this process wants requests. *Thread-safe.*
///
///   connecting ─► ready ─► draining
///
/// It is ready once its client has been connected, so that a rollout stops at pods that cannot reach the user service. After that
/// it stays ready whatever becomes of the user service: all pods lose it at the same time, and one that is sent nothing cannot
/// even answer with a fallback.
class Lifecycle {
 public:
  enum class Phase { kConnecting, kReady, kDraining };

  Phase phase() const { return phase_; }
  void Connected() {
    Phase expected = Phase::kConnecting;
    phase_.compare_exchange_strong(expected, Phase::kReady);
  }
  void Drain() { phase_ = Phase::kDraining; }

 private:
  std::atomic<Phase> phase_ = Phase::kConnecting;
};

/// "connecting", "ready", "draining"
inline const char* PhaseName(Lifecycle::Phase phase) {
  switch (phase) {
    case Lifecycle::Phase::kConnecting:
      return "connecting";
    case Lifecycle::Phase::kReady:
      return "ready";
    case Lifecycle::Phase::kDraining:
      return "draining";
  }
  return "unknown";
}

}  // namespace profile_service
