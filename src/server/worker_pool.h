#pragma once

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace userclient::internal {

/// Threads for work that may wait for a disk, so that gRPC's own are never held up. Thread-safe.
class WorkerPool {
 public:
  explicit WorkerPool(int threads);
  /// Does what was posted, then ends.
  ~WorkerPool();

  void Post(std::function<void()> work);

 private:
  void Run();

  absl::Mutex mutex_;
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace userclient::internal
