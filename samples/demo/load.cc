#include "load.h"

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

namespace demo {
namespace {

using std::chrono::steady_clock;

steady_clock::duration Due(const LoadPlan& plan, int call) {
  return std::chrono::microseconds(1'000'000) * call / plan.calls_per_second;
}

/// The work of one caller and the threads that do it.
class Group {
 public:
  Group(const LoadPlan& plan, const Caller& caller, steady_clock::time_point start)
      : plan_(plan), caller_(caller), start_(start), outcomes_(static_cast<size_t>(plan.calls)) {
    for (int i = 0; i < plan.threads; ++i) threads_.emplace_back([this] { Work(); });
  }

  std::vector<Outcome> Finish() {
    threads_.clear();
    return std::move(outcomes_);
  }

 private:
  void Work() {
    for (int call = next_++; call < plan_.calls; call = next_++) {
      std::this_thread::sleep_until(start_ + Due(plan_, call));
      outcomes_[static_cast<size_t>(call)] = caller_("u-" + std::to_string(call % plan_.users + 1));
    }
  }

  const LoadPlan& plan_;
  const Caller& caller_;
  const steady_clock::time_point start_;
  std::atomic<int> next_ = 0;
  /// Each element is written by the one thread that makes the call.
  std::vector<Outcome> outcomes_;
  std::vector<std::jthread> threads_;
};

}  // namespace

SideBySide Run(const LoadPlan& plan, const Caller& plain_stub, const Caller& userclient, const std::function<void()>& at_half) {
  const steady_clock::time_point start = steady_clock::now();
  Group plain_group(plan, plain_stub, start);
  Group userclient_group(plan, userclient, start);
  std::this_thread::sleep_until(start + Due(plan, plan.calls / 2));
  at_half();
  return {.plain_stub = plain_group.Finish(), .userclient = userclient_group.Finish()};
}

}  // namespace demo
