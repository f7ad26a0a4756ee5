#pragma once

#include <chrono>
#include <functional>
#include <thread>

namespace userclient::testing {

/// Blocks until the condition holds, or half a minute is over: false.
inline bool Await(const std::function<bool()>& condition) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace userclient::testing
