#include "tests/chaos/stall_meter.h"

namespace userclient::chaos {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

nanoseconds StoodStill(const std::vector<Stall>& stalls, nanoseconds from, nanoseconds to) {
  nanoseconds still{};
  for (const Stall& stall : stalls) {
    if (stall.from < to && from < stall.to) still += stall.to - stall.from;
  }
  return still;
}

std::vector<Stall> StallMeter::Finish() {
  thread_.request_stop();
  thread_.join();
  return stalls_;
}

void StallMeter::Measure(const std::stop_token& over) {
  while (!over.stop_requested()) {
    const Clock::time_point due = Clock::now() + 2ms;
    std::this_thread::sleep_until(due);
    const Clock::time_point now = Clock::now();
    if (now - due > 1ms) stalls_.push_back({.from = due - start_, .to = now - start_});
  }
}

}  // namespace userclient::chaos
