#include "userclient/server/fault_injector.h"

#include <random>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "server/fault_config.h"

namespace userclient {
namespace {

/// An entry and how far it has come.
class Rule {
 public:
  Rule(internal::FaultEntry entry, std::string source, uint64_t seed)
      : entry_(std::move(entry)), source_(std::move(source)), random_(seed) {}

  const std::string& method() const { return entry_.method; }

  /// Of a script; absent if it repeats.
  std::optional<int64_t> StepsLeft() const {
    if (!entry_.is_script) return 0;
    if (entry_.repeat) return std::nullopt;
    int64_t left = -applied_;
    for (size_t i = step_; i < entry_.steps.size(); ++i) left += entry_.steps[i].times;
    return left;
  }

  std::optional<FaultInjector::Injection> Apply() { return entry_.is_script ? ApplyScript() : ApplyByChance(); }

 private:
  std::optional<FaultInjector::Injection> ApplyScript() {
    if (step_ == entry_.steps.size()) return std::nullopt;
    FaultInjector::Injection injection{entry_.steps[step_], absl::StrCat(source_, ".script[", step_, "]")};
    if (++applied_ == entry_.steps[step_].times) {
      applied_ = 0;
      ++step_;
      if (entry_.repeat) step_ %= entry_.steps.size();
    }
    return injection;
  }

  std::optional<FaultInjector::Injection> ApplyByChance() {
    if (entry_.times && applied_ == *entry_.times) return std::nullopt;
    // 53 random bits make a double in [0, 1). std::uniform_real_distribution gives other numbers with another library.
    const double dice = static_cast<double>(random_() >> 11) * 0x1p-53;
    if (dice >= entry_.probability) return std::nullopt;
    ++applied_;
    return FaultInjector::Injection{entry_.steps.front(), source_};
  }

  internal::FaultEntry entry_;
  std::string source_;
  std::mt19937_64 random_;
  size_t step_ = 0;
  int applied_ = 0;
};

}  // namespace

struct FaultInjector::Rules {
  absl::Mutex mutex;
  std::vector<Rule> rules ABSL_GUARDED_BY(mutex);
};

FaultInjector::FaultInjector() : rules_(std::make_unique<Rules>()) {}
FaultInjector::~FaultInjector() = default;

absl::Status FaultInjector::Set(std::string_view json) {
  absl::StatusOr<internal::FaultConfig> config = internal::ParseFaultConfig(json);
  if (!config.ok()) return config.status();
  const uint64_t seed = config->seed ? *config->seed : std::random_device()();
  std::vector<Rule> rules;
  for (size_t i = 0; i < config->entries.size(); ++i) {
    rules.emplace_back(std::move(config->entries[i]), absl::StrCat("faults[", i, "]"), seed + i);
  }
  absl::MutexLock lock(&rules_->mutex);
  rules_->rules.swap(rules);
  return absl::OkStatus();
}

absl::Status FaultInjector::Script(std::string_view method, std::vector<Fault> steps, bool repeat) {
  if (absl::Status known = internal::CheckFaultMethod(method); !known.ok()) return known;
  if (steps.empty()) return absl::InvalidArgumentError("a script needs at least one step");
  for (size_t i = 0; i < steps.size(); ++i) {
    const absl::Status possible = internal::CheckFault(method, steps[i]);
    if (!possible.ok()) return absl::InvalidArgumentError(absl::StrCat("script[", i, "]: ", std::string(possible.message())));
  }
  Rule rule({.method = std::string(method), .is_script = true, .repeat = repeat, .steps = std::move(steps)}, std::string(method),
            0);
  absl::MutexLock lock(&rules_->mutex);
  std::erase_if(rules_->rules, [method](const Rule& old) { return old.method() == method; });
  rules_->rules.insert(rules_->rules.begin(), std::move(rule));
  return absl::OkStatus();
}

absl::StatusOr<std::optional<int64_t>> FaultInjector::StepsLeft(std::string_view method) const {
  if (absl::Status known = internal::CheckFaultMethod(method); !known.ok()) return known;
  absl::MutexLock lock(&rules_->mutex);
  std::optional<int64_t> left = 0;
  for (const Rule& rule : rules_->rules) {
    if (rule.method() != method) continue;
    const std::optional<int64_t> more = rule.StepsLeft();
    left = left && more ? std::optional(*left + *more) : std::nullopt;
  }
  return left;
}

std::optional<FaultInjector::Injection> FaultInjector::Next(std::string_view method) {
  absl::MutexLock lock(&rules_->mutex);
  for (Rule& rule : rules_->rules) {
    if (rule.method() != method && rule.method() != "*") continue;
    if (std::optional<Injection> injection = rule.Apply()) return injection;
  }
  return std::nullopt;
}

}  // namespace userclient
