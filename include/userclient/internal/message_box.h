#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "userclient/internal/call_engine.h"
#include "userclient/internal/pending_state.h"
#include "userclient/internal/stream_engine.h"

namespace userclient::internal {

/// Where the messages of a stream and the one who takes them meet. It holds a few, and no more are read until some are taken.
/// *Thread-safe*, but that messages are for one taker at a time.
template <class Message>
class MessageBox {
 public:
  /// Enough to keep a reader busy while the next ones are on their way.
  static constexpr std::size_t kRoom = 16;

  MessageBox() = default;
  MessageBox(const MessageBox&) = delete;
  MessageBox& operator=(const MessageBox&) = delete;

  // For the one who takes:

  /// Blocks until there is a message, or the stream has ended: nullopt.
  std::optional<Message> Next() {
    std::optional<Message> message;
    std::shared_ptr<StreamHandle> wants_more;
    {
      std::unique_lock lock(mutex_);
      if (messages_.empty() && !end_) {
        if (absl::Status status = CheckMayBlock(); !status.ok()) {
          misuse_ = std::move(status);
          return std::nullopt;
        }
        changed_.wait(lock, [this] { return !messages_.empty() || end_; });
      }
      message = Pop(wants_more);
    }
    if (wants_more != nullptr) wants_more->WantMore();
    return message;
  }

  /// The same without a thread that waits. One at a time.
  std::shared_ptr<PendingState<std::optional<Message>>> NextAsync() {
    auto state = std::make_shared<PendingState<std::optional<Message>>>();
    std::shared_ptr<StreamHandle> wants_more;
    std::optional<Message> message;
    {
      const std::lock_guard lock(mutex_);
      if (next_ != nullptr) {
        state->Set(absl::FailedPreconditionError("the message before this one is still being waited for; ask for one at a time"));
        return state;
      }
      if (messages_.empty() && !end_) {
        next_ = state;
        return state;
      }
      message = Pop(wants_more);
    }
    if (wants_more != nullptr) wants_more->WantMore();
    Give(*state, std::move(message));
    return state;
  }

  /// OK while it goes on, and when it has ended well.
  absl::Status status() const {
    const std::lock_guard lock(mutex_);
    if (end_ && !end_->ok()) return *end_;
    return misuse_;
  }

  void Cancel() {
    if (const std::shared_ptr<StreamHandle> handle = this->handle(); handle != nullptr) handle->Cancel();
  }

  /// Nobody will take anything any more.
  void Abandon() {
    if (const std::shared_ptr<StreamHandle> handle = this->handle(); handle != nullptr) handle->Abandon();
  }

  // For the stream:

  void SetHandle(std::shared_ptr<StreamHandle> handle) {
    const std::lock_guard lock(mutex_);
    // One that has ended has no use for it, and would keep it for ever.
    if (!end_) handle_ = std::move(handle);
  }

  bool HasRoom() {
    const std::lock_guard lock(mutex_);
    paused_ = messages_.size() >= kRoom;
    return !paused_;
  }

  /// `advance` is called with the message, together with its delivery: nobody sees the one without the other. False: it is not
  /// for the application.
  template <class Advance>
  void Put(Message message, Advance advance) {
    std::shared_ptr<PendingState<std::optional<Message>>> next;
    {
      const std::lock_guard lock(mutex_);
      const bool wanted = advance(message);
      if (!wanted || next_ == nullptr) {
        if (wanted) messages_.push_back(std::move(message));
        changed_.notify_all();
        return;
      }
      next = std::move(next_);
    }
    next->Set(std::optional<Message>(std::move(message)));
  }

  void End(absl::Status status) {
    std::shared_ptr<PendingState<std::optional<Message>>> next;
    std::shared_ptr<StreamHandle> handle;
    {
      const std::lock_guard lock(mutex_);
      // Who cancels wants no more of it.
      if (status.code() == absl::StatusCode::kCancelled) messages_.clear();
      end_ = std::move(status);
      next = std::move(next_);
      handle = std::move(handle_);
      changed_.notify_all();
    }
    if (next != nullptr) Give(*next, std::nullopt);
  }

  /// Looks at what goes along with the messages, see Put.
  template <class Look>
  auto Locked(Look look) const {
    const std::lock_guard lock(mutex_);
    return look(/*all_taken=*/messages_.empty());
  }

  /// Blocks until `done`, the end of the stream, or the time has come. True: done.
  template <class Done>
  bool WaitUntil(std::chrono::steady_clock::time_point time, Done done) {
    std::unique_lock lock(mutex_);
    if (CheckMayBlock().ok()) changed_.wait_until(lock, time, [&] { return end_ || done(); });
    return done();
  }

 private:
  /// The mutex is held.
  std::optional<Message> Pop(std::shared_ptr<StreamHandle>& wants_more) {
    if (messages_.empty()) return std::nullopt;
    std::optional<Message> message(std::move(messages_.front()));
    messages_.pop_front();
    if (paused_ && messages_.size() <= kRoom / 2) {
      paused_ = false;
      wants_more = handle_;
    }
    return message;
  }

  void Give(PendingState<std::optional<Message>>& state, std::optional<Message> message) const {
    if (!message) {
      if (absl::Status status = this->status(); !status.ok()) return state.Set(std::move(status));
    }
    state.Set(std::move(message));
  }

  std::shared_ptr<StreamHandle> handle() const {
    const std::lock_guard lock(mutex_);
    return handle_;
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::deque<Message> messages_;
  bool paused_ = false;
  std::shared_ptr<PendingState<std::optional<Message>>> next_;
  std::shared_ptr<StreamHandle> handle_;
  std::optional<absl::Status> end_;
  absl::Status misuse_;
};

}  // namespace userclient::internal
