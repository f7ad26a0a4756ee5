#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <thread>

namespace userclient::internal {

/// What two threads write at the same time stands this far apart, so that they do not take the cache line from each other.
inline constexpr std::size_t kCacheLine = 64;

/// A small number of this thread's own, for choosing one of several copies of a counter. Threads are numbered as they come, so
/// the threads of a pool spread evenly.
inline std::size_t ThreadNumber() {
  static std::atomic<std::size_t> threads{0};
  thread_local const std::size_t number = threads.fetch_add(1, std::memory_order_relaxed);
  return number;
}

/// How many copies of a counter this machine deserves: a power of two, so that ThreadNumber() & (copies - 1) chooses one.
inline std::size_t ShardCount() { return std::bit_ceil(std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, 16)); }

}  // namespace userclient::internal
