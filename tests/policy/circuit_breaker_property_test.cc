/// Drives the breaker through random histories, beside a model that is slow and plain: one thread, a list of calls, no epochs, no
/// packed words. Whatever one answers, the other must answer.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <ostream>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "policy/circuit_breaker.h"

namespace userclient::internal {
namespace {

using namespace std::chrono_literals;

/// A sequence of numbers in [0, 1) that can be had twice.
std::function<double()> RandomSequence(uint64_t seed) {
  return [engine = std::mt19937_64(seed)]() mutable { return std::uniform_real_distribution<double>(0, 1)(engine); };
}

struct Settings {
  CircuitBreakerOptions options{};
};

/// What a breaker answered, in a form that can be compared.
struct Answer {
  bool admitted = false;
  std::optional<Duration> retry_after{};
  std::optional<CircuitTransition> transition{};

  friend bool operator==(const Answer& a, const Answer& b) {
    const auto same = [](const CircuitTransition& x, const CircuitTransition& y) {
      return x.from == y.from && x.to == y.to && x.cause == y.cause && x.open_for == y.open_for && x.calls == y.calls &&
             x.failures == y.failures && x.slow_calls == y.slow_calls;
    };
    return a.admitted == b.admitted && a.retry_after == b.retry_after && a.transition.has_value() == b.transition.has_value() &&
           (!a.transition || same(*a.transition, *b.transition));
  }
  friend std::ostream& operator<<(std::ostream& out, const Answer& answer) {
    out << (answer.admitted ? "admitted" : "not admitted");
    if (answer.retry_after) out << ", retry after " << answer.retry_after->count() << " ns";
    if (!answer.transition) return out;
    const CircuitTransition& t = *answer.transition;
    return out << ", " << CircuitStateName(t.from) << " -> " << CircuitStateName(t.to) << " (" << CircuitCauseName(t.cause)
               << ") for " << t.open_for.count() << " ns, " << t.calls << "/" << t.failures << "/" << t.slow_calls;
  }
};

/// The rules of the breaker as one would tell them.
class Model {
 public:
  Model(const Settings& settings, std::function<double()> random) : s_(settings), random_(std::move(random)) {}

  Answer Acquire(int call, TimePoint now) {
    Answer answer;
    if (state_ == CircuitState::kForcedOpen) return answer;
    if (state_ == CircuitState::kOpen) {
      if (now < open_until_) {
        answer.retry_after = open_until_ - now;
        return answer;
      }
      answer.transition = Enter(CircuitState::kHalfOpen, CircuitCause::kOpenDurationPassed);
    }
    if (state_ == CircuitState::kHalfOpen) {
      if (static_cast<int>(of_this_stay_.size()) >= s_.options.max_probes_in_flight) {
        if (now - last_probe_ < s_.options.max_half_open) return answer;
        answer.transition = EnterOpen(now, CircuitCause::kProbesOverdue);
        answer.retry_after = answer.transition->open_for;
        return answer;
      }
      last_probe_ = now;
    }
    answer.admitted = true;
    of_this_stay_.insert(call);
    return answer;
  }

  Answer Settle(int call, Verdict verdict, TimePoint now, Duration duration) {
    // Admitted in an earlier stay, or under force: says nothing about now.
    if (of_this_stay_.erase(call) == 0 || verdict == Verdict::kIgnored) return {};
    const bool failed = verdict == Verdict::kFailure;
    const bool slow = s_.options.slow_call_duration && duration >= *s_.options.slow_call_duration;
    if (state_ == CircuitState::kClosed) return SettleCall(failed, slow, now);
    if (state_ == CircuitState::kHalfOpen) return SettleProbe(failed || slow, now);
    return {};
  }

  Answer Force(CircuitState state) {
    if (state_ == state) {
      of_this_stay_.clear();
      return {};
    }
    return {.transition = Enter(state, CircuitCause::kForced)};
  }

  Answer Resume(TimePoint now) {
    if (state_ != CircuitState::kForcedOpen && state_ != CircuitState::kForcedClosed) return {};
    openings_ = 0;
    closed_since_ = now;
    return {.transition = Enter(CircuitState::kClosed, CircuitCause::kForced)};
  }

  CircuitState state() const { return state_; }

 private:
  struct Call {
    TimePoint at{};
    bool failed = false;
    bool slow = false;
  };

  Answer SettleCall(bool failed, bool slow, TimePoint now) {
    calls_.push_back({now, failed, slow});
    failures_in_a_row_ = failed ? failures_in_a_row_ + 1 : 0;
    if (!failed && !slow) return {};

    const Duration bucket = s_.options.window / 10;
    const auto number_of_bucket = [&](TimePoint at) { return at.time_since_epoch() / bucket; };
    CircuitTransition seen;
    for (const Call& call : calls_) {
      if (number_of_bucket(call.at) <= number_of_bucket(now) - 10) continue;
      seen.calls += 1;
      seen.failures += call.failed;
      seen.slow_calls += call.slow;
    }
    const auto reaches = [&](int64_t part, double ratio) {
      return seen.calls >= s_.options.minimum_calls && static_cast<double>(part) / static_cast<double>(seen.calls) >= ratio;
    };
    CircuitCause cause{};
    if (failed && s_.options.consecutive_failures && failures_in_a_row_ >= *s_.options.consecutive_failures) {
      cause = CircuitCause::kConsecutiveFailures;
    } else if (failed && reaches(seen.failures, s_.options.failure_ratio)) {
      cause = CircuitCause::kFailureRatio;
    } else if (slow && reaches(seen.slow_calls, s_.options.slow_call_ratio)) {
      cause = CircuitCause::kSlowCallRatio;
    } else {
      return {};
    }
    CircuitTransition opened = EnterOpen(now, cause);
    opened.calls = seen.calls;
    opened.failures = seen.failures;
    opened.slow_calls = seen.slow_calls;
    return {.transition = opened};
  }

  Answer SettleProbe(bool failed, TimePoint now) {
    if (failed) return {.transition = EnterOpen(now, CircuitCause::kProbeFailed)};
    if (++probes_succeeded_ < s_.options.half_open_probes) return {};
    closed_since_ = now;
    return {.transition = Enter(CircuitState::kClosed, CircuitCause::kProbesSucceeded)};
  }

  CircuitTransition EnterOpen(TimePoint now, CircuitCause cause) {
    if (state_ == CircuitState::kClosed && now - closed_since_ >= s_.options.healthy_after) openings_ = 0;
    Duration longest = s_.options.open_duration;
    for (int i = 0; i < openings_; ++i) longest = std::min(longest * 2, s_.options.max_open_duration);
    openings_ = std::min(openings_ + 1, 20);
    const Duration half = longest / 2;
    const Duration open_for = longest - half + Duration(static_cast<int64_t>(static_cast<double>(half.count()) * random_()));
    open_until_ = now + open_for;
    CircuitTransition transition = Enter(CircuitState::kOpen, cause);
    transition.open_for = open_for;
    return transition;
  }

  CircuitTransition Enter(CircuitState to, CircuitCause cause) {
    calls_.clear();
    of_this_stay_.clear();
    failures_in_a_row_ = 0;
    probes_succeeded_ = 0;
    return {.from = std::exchange(state_, to), .to = to, .cause = cause};
  }

  const Settings s_;
  const std::function<double()> random_;
  CircuitState state_ = CircuitState::kClosed;
  std::vector<Call> calls_{};
  std::set<int> of_this_stay_{};
  int failures_in_a_row_ = 0;
  int probes_succeeded_ = 0;
  int openings_ = 0;
  TimePoint open_until_{};
  TimePoint closed_since_{};
  TimePoint last_probe_{};
};

/// One random history: a breaker, its model, and the calls under way.
class History {
 public:
  explicit History(uint64_t seed) : dice_(seed), settings_(RandomSettings()) {}

  void Step() {
    const int what = Roll(100);
    if (what < 30) {
      Wait();
    } else if (what < 65) {
      Acquire();
    } else if (what < 97) {
      if (!under_way_.empty()) Settle();
    } else if (Roll(4) == 0) {
      Command();
    }
    EXPECT_EQ(breaker_.state(), model_.state());
  }

  /// From here on the server answers every call, quickly; calls that hung until now hang for ever. How long it takes until the
  /// breaker is closed.
  Duration Recover() {
    if (breaker_.state() == CircuitState::kForcedOpen || breaker_.state() == CircuitState::kForcedClosed) breaker_.Resume(now_);
    const TimePoint begin = now_;
    while (breaker_.state() != CircuitState::kClosed && now_ - begin < 24h) {
      now_ += kPace;
      breaker_.Acquire(now_).permit.Settle(Verdict::kSuccess, now_, 1us);
    }
    return now_ - begin;
  }

  /// The longest that Recover may take: hung probes are given up, the breaker opens once more, and probes succeed.
  Duration RecoveryBound() const {
    return settings_.options.max_half_open + settings_.options.max_open_duration +
           (settings_.options.half_open_probes + 2) * kPace;
  }

  bool AdmitsEveryCall() {
    for (int i = 0; i < 100; ++i) {
      CircuitBreaker::Admission admission = breaker_.Acquire(now_);
      if (!admission.permit || admission.permit.Settle(Verdict::kSuccess, now_, 1us)) return false;
      now_ += kPace;
    }
    return true;
  }

  int transitions() const { return transitions_; }

 private:
  static constexpr Duration kPace = 50ms;

  int Roll(int sides) { return std::uniform_int_distribution<int>(0, sides - 1)(dice_); }
  Duration Milliseconds(int below) { return std::chrono::milliseconds(Roll(below)) + Duration(Roll(1000)); }

  Settings RandomSettings() {
    Settings s;
    s.options.window = 100ms + std::chrono::milliseconds(Roll(100) * 10);
    s.options.minimum_calls = 1 + Roll(8);
    s.options.failure_ratio = (1 + Roll(20)) / 20.0;
    s.options.open_duration = 1ms + Milliseconds(500);
    s.options.max_open_duration = s.options.open_duration + Milliseconds(3000);
    s.options.half_open_probes = 1 + Roll(4);
    if (Roll(2) == 0) s.options.consecutive_failures = 1 + Roll(5);
    if (Roll(2) == 0) s.options.slow_call_duration = 10ms;
    s.options.slow_call_ratio = (1 + Roll(10)) / 10.0;
    s.options.max_probes_in_flight = 1 + Roll(3);
    s.options.max_half_open = 1ms + Milliseconds(1000);
    s.options.healthy_after = 1ms + Milliseconds(2000);
    return s;
  }

  /// Mostly a little, now and then exactly to where something changes, seldom long.
  void Wait() {
    const int how = Roll(20);
    if (how == 0) {
      now_ += Milliseconds(5000);
    } else if (how < 5) {
      const Duration exact[] = {settings_.options.window, settings_.options.window / 10, settings_.options.max_half_open,
                                settings_.options.healthy_after};
      now_ += exact[Roll(4)];
    } else if (how < 8 && last_refusal_) {
      now_ += *last_refusal_ - Duration(Roll(2));
      last_refusal_.reset();
    } else {
      now_ += Milliseconds(40);
    }
  }

  void Acquire() {
    CircuitBreaker::Admission admission = breaker_.Acquire(now_);
    last_refusal_ = admission.retry_after;
    const Answer expected = model_.Acquire(calls_, now_);
    const Answer actual{static_cast<bool>(admission.permit), admission.retry_after, admission.transition};
    EXPECT_EQ(actual, expected);
    Note(actual);
    if (admission.permit) under_way_.push_back({calls_, std::move(admission.permit)});
    ++calls_;
  }

  void Settle() {
    std::swap(under_way_[static_cast<std::size_t>(Roll(static_cast<int>(under_way_.size())))], under_way_.back());
    auto [call, permit] = std::move(under_way_.back());
    under_way_.pop_back();
    const Verdict verdict = Roll(8) == 0 ? Verdict::kIgnored : Roll(100) < failing_ ? Verdict::kFailure : Verdict::kSuccess;
    const Duration duration = Roll(3) == 0 ? 10ms : 10ms - 1ns;
    if (Roll(50) == 0) failing_ = Roll(3) * 50;
    if (Roll(10) == 0) {
      permit = CircuitBreaker::Permit();
      model_.Settle(call, Verdict::kIgnored, now_, duration);
      return;
    }
    const Answer actual{.transition = permit.Settle(verdict, now_, duration)};
    EXPECT_EQ(actual, model_.Settle(call, verdict, now_, duration));
    Note(actual);
  }

  void Command() {
    const int what = Roll(4);
    const CircuitState forced = what == 0 ? CircuitState::kForcedOpen : CircuitState::kForcedClosed;
    if (what < 2) {
      const Answer actual{.transition = what == 0 ? breaker_.ForceOpen() : breaker_.ForceClosed()};
      EXPECT_EQ(actual, model_.Force(forced));
    } else {
      EXPECT_EQ((Answer{.transition = breaker_.Resume(now_)}), model_.Resume(now_));
    }
  }

  void Note(const Answer& answer) {
    if (!answer.transition) return;
    ++transitions_;
    if (answer.transition->to != CircuitState::kOpen) return;
    EXPECT_GE(answer.transition->open_for, settings_.options.open_duration / 2);
    EXPECT_LE(answer.transition->open_for, settings_.options.max_open_duration);
  }

  std::mt19937_64 dice_;
  const Settings settings_;
  const uint64_t jitter_seed_ = dice_();
  CircuitBreaker breaker_{settings_.options, RandomSequence(jitter_seed_)};
  Model model_{settings_, RandomSequence(jitter_seed_)};
  TimePoint now_ = TimePoint(1h);
  int failing_ = 50;
  int calls_ = 0;
  int transitions_ = 0;
  std::optional<Duration> last_refusal_{};
  std::vector<std::pair<int, CircuitBreaker::Permit>> under_way_{};
};

constexpr uint64_t kHistories = 5000;
constexpr int kSteps = 300;

TEST(CircuitBreakerPropertyTest, DoesWhatThePlainModelDoes) {
  int transitions = 0;
  for (uint64_t seed = 0; seed < kHistories && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    History history(seed);
    for (int step = 0; step < kSteps && !::testing::Test::HasFailure(); ++step) history.Step();
    transitions += history.transitions();
  }

  EXPECT_GT(transitions, static_cast<int>(kHistories) * 5) << "the histories are too dull to prove anything";
}

TEST(CircuitBreakerPropertyTest, ComesBackFromAnyStateOnceTheServerIsHealthy) {
  for (uint64_t seed = 0; seed < kHistories && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    History history(seed);
    for (int step = 0; step < kSteps; ++step) history.Step();

    const Duration recovery = history.Recover();

    EXPECT_LE(recovery, history.RecoveryBound());
    EXPECT_TRUE(history.AdmitsEveryCall());
  }
}

}  // namespace
}  // namespace userclient::internal
