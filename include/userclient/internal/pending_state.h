#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace userclient::internal {

/// A call under way, as its caller can reach it.
class CallHandle {
 public:
  virtual ~CallHandle() = default;
  virtual void Cancel() = 0;
};

/// Where the end of a call and the one who waits for it meet. *Thread-safe.*
class PendingStateBase {
 public:
  /// Runs `continuation` once the answer is there: at once if it is there already, else on the thread that brings it.
  void OnDone(std::function<void()> continuation);

  /// Blocks until the answer is there or the time has come. False: not there.
  bool WaitUntil(std::chrono::steady_clock::time_point deadline) const;
  /// Blocks until the answer is there. *Errors:* FAILED_PRECONDITION on a thread that must not block.
  absl::Status Wait() const;
  bool done() const;

  void SetHandle(std::shared_ptr<CallHandle> handle);
  void Cancel() const;

 protected:
  ~PendingStateBase() = default;

  /// The answer is in place: wakes who waits and runs the continuation.
  void Announce();

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable done_changed_;
  bool done_ = false;
  std::function<void()> continuation_;
  std::shared_ptr<CallHandle> handle_;
};

template <class Response>
class PendingState final : public PendingStateBase {
 public:
  /// At most once.
  void Set(absl::StatusOr<Response> answer) {
    answer_.emplace(std::move(answer));
    Announce();
  }

  /// After it is done; at most once.
  absl::StatusOr<Response> Take() { return *std::move(answer_); }

 private:
  std::optional<absl::StatusOr<Response>> answer_;
};

}  // namespace userclient::internal
