#include "policy/circuit_breaker.h"

#include <algorithm>
#include <thread>

namespace userclient::internal {
namespace {

/// Whether a share of the calls reaches a limit. Divided, not multiplied: 11 of 20 is the same double as 0.55, but 0.55 * 20 is
/// more than 11.
bool Reaches(int64_t part, int64_t calls, double ratio) {
  return static_cast<double>(part) / static_cast<double>(calls) >= ratio;
}

}  // namespace

CircuitBreaker::CircuitBreaker(const CircuitBreakerOptions& options, std::function<double()> random)
    : options_(options), random_(std::move(random)), word_(MakeWord(CircuitState::kClosed, 1, 0)), window_(options.window) {}

CircuitBreaker::CircuitBreaker(const CircuitBreakerOptions& options, std::function<double()> random, const Memory& memory,
                               TimePoint now)
    : CircuitBreaker(options, std::move(random)) {
  window_.Add(memory.sequence, now, memory.counts);
  in_a_row_.store(memory.sequence << 32 | static_cast<uint32_t>(memory.failures_in_a_row), std::memory_order_relaxed);
  open_until_.store(memory.open_until, std::memory_order_relaxed);
  last_probe_.store(now, std::memory_order_relaxed);
  closed_since_ = memory.closed_since;
  openings_ = memory.openings;
  word_.store(MakeWord(memory.state, memory.sequence, 0), std::memory_order_release);
}

CircuitBreaker::Memory CircuitBreaker::Retire(TimePoint now) {
  // Never given back: to everybody else it looks as if the next epoch were about to begin.
  const Word claimed = ClaimWhenStill();
  const uint64_t epoch = EpochOf(claimed);
  const uint64_t in_a_row = in_a_row_.load(std::memory_order_relaxed);
  return {.state = StateOf(claimed),
          .sequence = epoch,
          .counts = window_.Totals(epoch, now),
          .failures_in_a_row = in_a_row >> 32 == epoch ? static_cast<int>(static_cast<uint32_t>(in_a_row)) : 0,
          .open_until = open_until_.load(std::memory_order_relaxed),
          .closed_since = closed_since_,
          .openings = openings_};
}

CircuitBreaker::Memory CircuitBreaker::Look(TimePoint now) const {
  const Word word = word_.load(std::memory_order_acquire);
  const uint64_t epoch = EpochOf(word);
  const uint64_t in_a_row = in_a_row_.load(std::memory_order_relaxed);
  return {.state = StateOf(word),
          .sequence = epoch,
          .counts = window_.Totals(epoch, now),
          .failures_in_a_row = in_a_row >> 32 == epoch ? static_cast<int>(static_cast<uint32_t>(in_a_row)) : 0,
          .open_until = open_until_.load(std::memory_order_relaxed)};
}

CircuitBreaker::Admission CircuitBreaker::AcquireUnlessClosed(TimePoint now) {
  while (true) {
    const Word word = word_.load(std::memory_order_acquire);
    switch (StateOf(word)) {
      case CircuitState::kClosed:
      case CircuitState::kForcedClosed:
        return {.permit = Permit(this, EpochOf(word))};
      case CircuitState::kForcedOpen:
        return {};
      case CircuitState::kHalfOpen:
        return AcquireProbe(word, now);
      case CircuitState::kOpen:
        break;
    }
    const TimePoint open_until = open_until_.load(std::memory_order_relaxed);
    if (now < open_until) return {.retry_after = open_until - now};
    // Whoever is about to end the open state will make the first probe.
    if ((word & kChanging) != 0) return {.retry_after = Duration::zero()};
    if (!Claim(word)) continue;
    last_probe_.store(now, std::memory_order_relaxed);
    const uint64_t epoch = EpochOf(word) + 1;
    word_.store(MakeWord(CircuitState::kHalfOpen, epoch, 1), std::memory_order_release);
    return {.permit = Permit(this, epoch),
            .probe = true,
            .transition = CircuitTransition{.sequence = epoch,
                                            .from = CircuitState::kOpen,
                                            .to = CircuitState::kHalfOpen,
                                            .cause = CircuitCause::kOpenDurationPassed}};
  }
}

CircuitBreaker::Admission CircuitBreaker::AcquireProbe(Word word, TimePoint now) {
  while ((word & kChanging) == 0 && InFlightOf(word) < options_.max_probes_in_flight) {
    // First the time, then the word: a thread that sees this probe under way must not find it overdue.
    last_probe_.store(now, std::memory_order_relaxed);
    if (word_.compare_exchange_weak(word, word + kOneInFlight, std::memory_order_acq_rel, std::memory_order_acquire)) {
      return {.permit = Permit(this, EpochOf(word)), .probe = true};
    }
    if (StateOf(word) != CircuitState::kHalfOpen) return AcquireUnlessClosed(now);
  }
  // Probes that never end would keep the service locked out for ever.
  const bool overdue = now - last_probe_.load(std::memory_order_relaxed) >= options_.max_half_open;
  if ((word & kChanging) != 0 || !overdue || !Claim(word)) return {};
  const CircuitTransition transition = Open(word, now, CircuitCause::kProbesOverdue);
  return {.retry_after = transition.open_for, .transition = transition};
}

std::optional<CircuitTransition> CircuitBreaker::Settle(uint64_t epoch, Verdict verdict, TimePoint now, Duration duration) {
  const Word word = word_.load(std::memory_order_acquire);
  if (EpochOf(word) != epoch) return std::nullopt;
  const bool slow = options_.slow_call_duration && duration >= *options_.slow_call_duration;
  switch (StateOf(word)) {
    case CircuitState::kClosed:
      return SettleCall(word, verdict, now, slow);
    case CircuitState::kHalfOpen:
      return SettleProbe(word, verdict, now, slow);
    case CircuitState::kOpen:
    case CircuitState::kForcedOpen:
    case CircuitState::kForcedClosed:
      break;
  }
  return std::nullopt;
}

std::optional<CircuitTransition> CircuitBreaker::SettleCall(Word word, Verdict verdict, TimePoint now, bool slow) {
  if (verdict == Verdict::kIgnored) return std::nullopt;
  const uint64_t epoch = EpochOf(word);
  const bool failed = verdict == Verdict::kFailure;
  window_.Count(epoch, now, failed, slow);
  bool row_is_long_enough = false;
  if (failed) {
    row_is_long_enough = CountFailureInARow(epoch);
  } else {
    EndFailuresInARow(epoch);
    // A quick success never opens a breaker, not even the one that makes the minimum of calls complete.
    if (!slow) return std::nullopt;
  }

  const CallCounts counts = window_.Totals(epoch, now);
  std::optional<CircuitCause> cause;
  if (row_is_long_enough) {
    cause = CircuitCause::kConsecutiveFailures;
  } else if (counts.calls >= options_.minimum_calls) {
    if (failed && Reaches(counts.failures, counts.calls, options_.failure_ratio)) {
      cause = CircuitCause::kFailureRatio;
    } else if (slow && Reaches(counts.slow_calls, counts.calls, options_.slow_call_ratio)) {
      cause = CircuitCause::kSlowCallRatio;
    }
  }
  if (!cause || (word & kChanging) != 0 || !Claim(word)) return std::nullopt;
  CircuitTransition transition = Open(word, now, *cause);
  transition.calls = counts.calls;
  transition.failures = counts.failures;
  transition.slow_calls = counts.slow_calls;
  return transition;
}

std::optional<CircuitTransition> CircuitBreaker::SettleProbe(Word word, Verdict verdict, TimePoint now, bool slow) {
  const uint64_t epoch = EpochOf(word);
  // Once somebody is moving on to the next epoch, what becomes of the probes of this one is of no interest any more.
  while (EpochOf(word) == epoch && (word & kChanging) == 0) {
    if (verdict == Verdict::kFailure || (verdict == Verdict::kSuccess && slow)) {
      if (Claim(word)) return Open(word, now, CircuitCause::kProbeFailed);
    } else if (verdict == Verdict::kSuccess && SucceededOf(word) + 1 >= options_.half_open_probes) {
      if (Claim(word)) return Close(word, now, CircuitCause::kProbesSucceeded);
    } else {
      Word settled = word - kOneInFlight;
      if (verdict == Verdict::kSuccess) settled += kOneSucceeded;
      if (word_.compare_exchange_weak(word, settled, std::memory_order_acq_rel, std::memory_order_relaxed)) break;
    }
    word = word_.load(std::memory_order_acquire);
  }
  return std::nullopt;
}

std::optional<CircuitTransition> CircuitBreaker::Force(CircuitState state) {
  const Word claimed = ClaimWhenStill();
  const CircuitState from = StateOf(claimed);
  word_.store(MakeWord(state, EpochOf(claimed) + 1, 0), std::memory_order_release);
  if (from == state) return std::nullopt;
  return CircuitTransition{.sequence = EpochOf(claimed) + 1, .from = from, .to = state, .cause = CircuitCause::kForced};
}

std::optional<CircuitTransition> CircuitBreaker::Resume(TimePoint now) {
  // Not claimed unless it is forced: a probe that ends meanwhile takes a claimed word for the end of its epoch.
  Word word = word_.load(std::memory_order_acquire);
  do {
    if (StateOf(word) != CircuitState::kForcedOpen && StateOf(word) != CircuitState::kForcedClosed) return std::nullopt;
  } while (!ClaimIfStill(word));
  openings_ = 0;
  return Close(word, now, CircuitCause::kForced);
}

/// Notes one more failure, and says whether there are enough of them.
bool CircuitBreaker::CountFailureInARow(uint64_t epoch) {
  if (!options_.consecutive_failures) return false;
  uint64_t before = in_a_row_.load(std::memory_order_relaxed);
  uint64_t after = 0;
  do {
    const uint64_t counted_epoch = before >> 32;
    // The epoch has ended while this thread was on its way here.
    if (counted_epoch > epoch) return false;
    after = counted_epoch == epoch ? before + 1 : epoch << 32 | 1;
  } while (!in_a_row_.compare_exchange_weak(before, after, std::memory_order_relaxed));
  return static_cast<uint32_t>(after) >= static_cast<uint32_t>(*options_.consecutive_failures);
}

void CircuitBreaker::EndFailuresInARow(uint64_t epoch) {
  if (!options_.consecutive_failures) return;
  uint64_t before = in_a_row_.load(std::memory_order_relaxed);
  // Nothing to end is the normal state: do not take the cache line from the other cores for nothing.
  while (before >> 32 == epoch && static_cast<uint32_t>(before) != 0) {
    if (in_a_row_.compare_exchange_weak(before, epoch << 32, std::memory_order_relaxed)) return;
  }
}

/// Claims the breaker whatever its state. Only for the hand of an operator: it waits for a thread that is changing the state.
CircuitBreaker::Word CircuitBreaker::ClaimWhenStill() {
  Word word = word_.load(std::memory_order_acquire);
  while (!ClaimIfStill(word)) {
  }
  return word;
}

bool CircuitBreaker::ClaimIfStill(Word& word) {
  if ((word & kChanging) == 0) {
    return word_.compare_exchange_weak(word, word | kChanging, std::memory_order_acq_rel, std::memory_order_acquire);
  }
  std::this_thread::yield();
  word = word_.load(std::memory_order_acquire);
  return false;
}

CircuitTransition CircuitBreaker::Open(Word claimed, TimePoint now, CircuitCause cause) {
  const CircuitState from = StateOf(claimed);
  const bool healthy = from == CircuitState::kClosed && now - closed_since_ >= options_.healthy_after;
  const Duration open_for = NextOpenDuration(healthy);
  open_until_.store(now + open_for, std::memory_order_relaxed);
  word_.store(MakeWord(CircuitState::kOpen, EpochOf(claimed) + 1, 0), std::memory_order_release);
  return {.sequence = EpochOf(claimed) + 1, .from = from, .to = CircuitState::kOpen, .cause = cause, .open_for = open_for};
}

CircuitTransition CircuitBreaker::Close(Word claimed, TimePoint now, CircuitCause cause) {
  closed_since_ = now;
  word_.store(MakeWord(CircuitState::kClosed, EpochOf(claimed) + 1, 0), std::memory_order_release);
  return {.sequence = EpochOf(claimed) + 1, .from = StateOf(claimed), .to = CircuitState::kClosed, .cause = cause};
}

/// open_duration, doubled for every opening since the breaker was last healthy. Of that, half is certain and half is chance, so
/// that clients that failed together do not come back together.
Duration CircuitBreaker::NextOpenDuration(bool healthy) {
  if (healthy) openings_ = 0;
  Duration longest = options_.open_duration;
  for (int i = 0; i < openings_ && longest < options_.max_open_duration; ++i) {
    longest = longest > options_.max_open_duration / 2 ? options_.max_open_duration : longest * 2;
  }
  // Beyond the point where the maximum is reached there is nothing to count.
  if (longest < options_.max_open_duration) ++openings_;
  const Duration half = longest / 2;
  return longest - half + Duration(static_cast<Duration::rep>(static_cast<double>(half.count()) * random_()));
}

}  // namespace userclient::internal

namespace userclient {

std::string_view CircuitStateName(CircuitState state) {
  switch (state) {
    case CircuitState::kClosed:
      return "closed";
    case CircuitState::kOpen:
      return "open";
    case CircuitState::kHalfOpen:
      return "half-open";
    case CircuitState::kForcedOpen:
      return "forced open";
    case CircuitState::kForcedClosed:
      return "forced closed";
  }
  return "unknown";
}

std::string_view CircuitCauseName(CircuitCause cause) {
  switch (cause) {
    case CircuitCause::kFailureRatio:
      return "failure ratio reached";
    case CircuitCause::kConsecutiveFailures:
      return "too many failures in a row";
    case CircuitCause::kSlowCallRatio:
      return "slow call ratio reached";
    case CircuitCause::kOpenDurationPassed:
      return "open duration passed";
    case CircuitCause::kProbeFailed:
      return "probe failed";
    case CircuitCause::kProbesOverdue:
      return "probes overdue";
    case CircuitCause::kProbesSucceeded:
      return "probes succeeded";
    case CircuitCause::kForced:
      return "forced";
  }
  return "unknown";
}

}  // namespace userclient
