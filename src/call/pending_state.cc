#include "userclient/internal/pending_state.h"

#include <utility>

#include "userclient/internal/call_engine.h"

namespace userclient::internal {
namespace {

/// What the application wants to be called with. It must not throw (pending_call.h): gRPC would swallow it on some threads and
/// end the process on others, so here it ends the process on all of them.
void Run(const std::function<void()>& continuation) noexcept { continuation(); }

}  // namespace

void PendingStateBase::OnDone(std::function<void()> continuation) {
  {
    const std::lock_guard lock(mutex_);
    if (!done_) {
      continuation_ = std::move(continuation);
      return;
    }
  }
  Run(continuation);
}

bool PendingStateBase::WaitUntil(std::chrono::steady_clock::time_point deadline) const {
  std::unique_lock lock(mutex_);
  if (!CheckMayBlock().ok()) return done_;
  return done_changed_.wait_until(lock, deadline, [this] { return done_; });
}

absl::Status PendingStateBase::Wait() const {
  std::unique_lock lock(mutex_);
  if (done_) return absl::OkStatus();
  if (absl::Status status = CheckMayBlock(); !status.ok()) return status;
  done_changed_.wait(lock, [this] { return done_; });
  return absl::OkStatus();
}

bool PendingStateBase::done() const {
  const std::lock_guard lock(mutex_);
  return done_;
}

void PendingStateBase::SetHandle(std::shared_ptr<CallHandle> handle) {
  const std::lock_guard lock(mutex_);
  // Once there is an answer nobody has use for it; and it would be kept for as long as the answer is.
  if (!done_) handle_.swap(handle);
}

void PendingStateBase::Cancel() const {
  std::shared_ptr<CallHandle> handle;
  {
    const std::lock_guard lock(mutex_);
    handle = handle_;
  }
  if (handle != nullptr) handle->Cancel();
}

void PendingStateBase::Announce() {
  std::function<void()> continuation;
  std::shared_ptr<CallHandle> handle;
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
    continuation = std::move(continuation_);
    handle = std::move(handle_);
    // Under the lock: whoever waits may destroy this as soon as it sees that it is done.
    done_changed_.notify_all();
  }
  if (continuation) Run(continuation);
}

}  // namespace userclient::internal
