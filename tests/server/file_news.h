#pragma once

#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace userclient::testing {

/// What a server tells of its files. Thread-safe.
class FileNews {
 public:
  /// For UserServerOptions::file_log; this must outlive the server.
  std::function<void(std::string_view)> Writer() {
    return [this](std::string_view sentence) {
      absl::MutexLock lock(&mutex_);
      sentences_.emplace_back(sentence);
    };
  }

  /// Waits for the next sentence; empty if none comes.
  std::string Next() {
    const auto any = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !sentences_.empty(); };
    absl::MutexLock lock(&mutex_);
    if (!mutex_.AwaitWithTimeout(absl::Condition(&any), absl::Seconds(30))) return "";
    std::string sentence = std::move(sentences_.front());
    sentences_.pop_front();
    return sentence;
  }

 private:
  absl::Mutex mutex_;
  std::deque<std::string> sentences_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace userclient::testing
