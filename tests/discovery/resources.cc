#include "tests/discovery/resources.h"

#include <filesystem>
#include <iterator>
#include <thread>

namespace userclient::testing {
namespace {

int Entries(const char* directory) {
  const std::filesystem::directory_iterator entries(directory);
  return static_cast<int>(std::distance(begin(entries), end(entries)));
}

}  // namespace

int OpenDescriptors() { return Entries("/proc/self/fd"); }

int Threads() { return Entries("/proc/self/task"); }

bool Eventually(const std::function<bool()>& condition, std::chrono::nanoseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace userclient::testing
