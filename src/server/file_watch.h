#pragma once

#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace userclient::internal {

/// Looks at files again and again, on a thread of its own.
class FileWatch {
 public:
  /// Each of `looks` is called every `interval` (more than 0).
  FileWatch(std::chrono::nanoseconds interval, std::vector<std::function<void()>> looks);
  /// Waits for a look that runs.
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

 private:
  void Run();

  const std::chrono::nanoseconds interval_;
  const std::vector<std::function<void()>> looks_;
  absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace userclient::internal
