#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "policy/call_window.h"
#include "policy/thread_shard.h"
#include "policy/time.h"
#include "policy/verdict.h"
#include "userclient/circuit_breaker.h"
#include "userclient/service_config.h"

namespace userclient::internal {

/// The state machine of a circuit breaker (the picture is in userclient/circuit_breaker.h).
///
///   CircuitBreaker::Admission admission = breaker.Acquire(now);
///   if (!admission.permit) return Refuse(admission.retry_after);
///   ... one attempt ...
///   std::optional<CircuitTransition> transition = admission.permit.Settle(verdict, now, duration);
///
/// It runs nothing and announces nothing: whoever is given a transition tells the world. It changes only when it is asked, so an
/// open breaker that nobody calls stays open for as long as nobody does.
///
/// A verdict belongs to the epoch (the stay in one state) that admitted the attempt; one that comes later changes nothing. A slow
/// or failed attempt in an epoch of half-open opens the breaker again, and for twice as long.
///
/// *Thread-safe, never blocks, allocates only in the constructor.* Closed, a call costs two loads and one compare-and-swap on a
/// line that other threads seldom touch.
class CircuitBreaker {
 public:
  class Permit;
  struct Admission;

  /// What one breaker knows of the service, for the one that takes its place.
  struct Memory {
    CircuitState state = CircuitState::kClosed;
    uint64_t sequence = 1;
    /// What the window holds.
    CallCounts counts{};
    int failures_in_a_row = 0;
    TimePoint open_until{};
    TimePoint closed_since{};
    int openings = 0;
  };

  /// `random` gives numbers uniform in [0, 1) and decides the jitter of the open duration; it must be thread-safe.
  CircuitBreaker(const CircuitBreakerOptions& options, std::function<double()> random);

  /// Goes on where another one has retired, with other numbers. Its counts stand in the newest part of the window, and half-open
  /// begins anew.
  CircuitBreaker(const CircuitBreakerOptions& options, std::function<double()> random, const Memory& memory, TimePoint now);

  CircuitBreaker(const CircuitBreaker&) = delete;
  CircuitBreaker& operator=(const CircuitBreaker&) = delete;

  /// Asks for the right to make one attempt.
  [[nodiscard]] Admission Acquire(TimePoint now);

  /// Refuses every call until Resume. Verdicts of attempts under way change nothing.
  std::optional<CircuitTransition> ForceOpen() { return Force(CircuitState::kForcedOpen); }

  /// Admits every call until Resume, whatever comes of it.
  std::optional<CircuitTransition> ForceClosed() { return Force(CircuitState::kForcedClosed); }

  /// Back to deciding by itself: closed, with nothing counted. Does nothing if it was not forced.
  std::optional<CircuitTransition> Resume(TimePoint now);

  /// Stays in this state for ever and goes on answering by it; verdicts change nothing any more. Nothing but Acquire and Settle
  /// may be called afterwards.
  Memory Retire(TimePoint now);

  /// What it knows at this moment; `closed_since` and `openings` are left out.
  Memory Look(TimePoint now) const;

  CircuitState state() const { return StateOf(word_.load(std::memory_order_acquire)); }

 private:
  // Everything that decides about a call is in one word, so that every decision is one compare-and-swap:
  //   3 bits state - 1 | 1 bit changing | 14 bits probes in flight | 14 bits probes succeeded | 32 bits epoch
  // `changing` is set by the thread that moves the breaker to its next epoch, while it writes what goes with it. Nobody waits for
  // that thread: until it is done, the others act as in the old epoch.
  using Word = uint64_t;
  static constexpr Word kChanging = 1 << 3;
  static constexpr int kInFlightShift = 4;
  static constexpr int kSucceededShift = 18;
  static constexpr int kEpochShift = 32;
  static constexpr Word kOneInFlight = 1 << kInFlightShift;
  static constexpr Word kOneSucceeded = 1 << kSucceededShift;
  static constexpr Word kProbeMask = (1 << 14) - 1;

  static constexpr CircuitState StateOf(Word word) { return static_cast<CircuitState>((word & 7) + 1); }
  static constexpr uint64_t EpochOf(Word word) { return word >> kEpochShift; }
  static constexpr int InFlightOf(Word word) { return static_cast<int>(word >> kInFlightShift & kProbeMask); }
  static constexpr int SucceededOf(Word word) { return static_cast<int>(word >> kSucceededShift & kProbeMask); }
  static constexpr Word MakeWord(CircuitState state, uint64_t epoch, int in_flight) {
    return (static_cast<Word>(state) - 1) | epoch << kEpochShift | static_cast<Word>(in_flight) << kInFlightShift;
  }

  Admission AcquireUnlessClosed(TimePoint now);
  Admission AcquireProbe(Word word, TimePoint now);
  std::optional<CircuitTransition> Settle(uint64_t epoch, Verdict verdict, TimePoint now, Duration duration);
  std::optional<CircuitTransition> SettleCall(Word word, Verdict verdict, TimePoint now, bool slow);
  std::optional<CircuitTransition> SettleProbe(Word word, Verdict verdict, TimePoint now, bool slow);
  std::optional<CircuitTransition> Force(CircuitState state);

  bool CountFailureInARow(uint64_t epoch);
  void EndFailuresInARow(uint64_t epoch);

  bool Claim(Word word) {
    return word_.compare_exchange_strong(word, word | kChanging, std::memory_order_acq_rel, std::memory_order_relaxed);
  }
  Word ClaimWhenStill();
  /// One try of the same. False: `word` is what stands there now, or may stand there.
  bool ClaimIfStill(Word& word);
  CircuitTransition Open(Word claimed, TimePoint now, CircuitCause cause);
  CircuitTransition Close(Word claimed, TimePoint now, CircuitCause cause);
  Duration NextOpenDuration(bool healthy);

  const CircuitBreakerOptions options_;
  const std::function<double()> random_;

  alignas(kCacheLine) std::atomic<Word> word_;
  // Written only by the thread that has set `changing`, and read by anyone who has seen the word that it published.
  std::atomic<TimePoint> open_until_{TimePoint{}};
  TimePoint closed_since_{};
  int openings_ = 0;
  /// When the last probe was let through. Written before the word says so.
  std::atomic<TimePoint> last_probe_{TimePoint{}};

  /// 32 bits epoch | 32 bits failures in a row.
  alignas(kCacheLine) std::atomic<uint64_t> in_a_row_{0};
  CallWindow window_;
};

/// The right to make one attempt. It returns itself: dropped without a verdict, it counts as ignored.
/// Must not outlive its breaker.
class CircuitBreaker::Permit {
 public:
  Permit() = default;
  Permit(Permit&& other) noexcept : breaker_(std::exchange(other.breaker_, nullptr)), epoch_(other.epoch_) {}
  Permit& operator=(Permit&& other) noexcept {
    Permit(std::move(other)).Swap(*this);
    return *this;
  }
  ~Permit() {
    if (breaker_ != nullptr) breaker_->Settle(epoch_, Verdict::kIgnored, TimePoint{}, Duration{});
  }

  /// Whether there is a permit here: false if the breaker refused, and after Settle.
  explicit operator bool() const { return breaker_ != nullptr; }

  /// Reports how the attempt ended and how long it took, and gives the permit back. Does nothing if there is none.
  std::optional<CircuitTransition> Settle(Verdict verdict, TimePoint now, Duration duration) {
    CircuitBreaker* breaker = std::exchange(breaker_, nullptr);
    if (breaker == nullptr) return std::nullopt;
    return breaker->Settle(epoch_, verdict, now, duration);
  }

 private:
  friend class CircuitBreaker;
  Permit(CircuitBreaker* breaker, uint64_t epoch) : breaker_(breaker), epoch_(epoch) {}

  void Swap(Permit& other) noexcept {
    std::swap(breaker_, other.breaker_);
    std::swap(epoch_, other.epoch_);
  }

  CircuitBreaker* breaker_ = nullptr;
  uint64_t epoch_ = 0;
};

/// The answer of a breaker.
struct CircuitBreaker::Admission {
  /// Empty if the attempt must not be made.
  Permit permit{};
  /// Half-open: this attempt is one of the few that show whether the service is back. It should fail fast rather than wait for a
  /// connection, because it may hold the only permit.
  bool probe = false;
  /// If refused while open: the breaker will try again after this time. Absent when nobody can tell: half-open it depends on the
  /// probes, forced open on whoever forced it.
  std::optional<Duration> retry_after{};
  /// Asking may itself have changed the state.
  std::optional<CircuitTransition> transition{};
};

inline CircuitBreaker::Admission CircuitBreaker::Acquire(TimePoint now) {
  const Word word = word_.load(std::memory_order_acquire);
  if (StateOf(word) == CircuitState::kClosed) return {.permit = Permit(this, EpochOf(word))};
  return AcquireUnlessClosed(now);
}

}  // namespace userclient::internal
