#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stop_token>
#include <thread>

namespace userclient::chaos {

/// How long the machine kept a thread that wanted to run from running, at worst: what is late by that much is not late by the
/// client's doing.
class StallMeter {
 public:
  std::chrono::nanoseconds worst() const { return std::chrono::nanoseconds(worst_.load()); }

 private:
  void Measure(const std::stop_token& over) {
    while (!over.stop_requested()) {
      const auto due = std::chrono::steady_clock::now() + std::chrono::milliseconds(2);
      std::this_thread::sleep_until(due);
      const std::chrono::nanoseconds late = std::chrono::steady_clock::now() - due;
      worst_ = std::max<int64_t>(worst_, late.count());
    }
  }

  std::atomic<int64_t> worst_ = 0;
  std::jthread thread_{[this](const std::stop_token& over) { Measure(over); }};
};

}  // namespace userclient::chaos
