#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "userclient/internal/may_block.h"
#include "userclient/internal/pending_state.h"
#include "userclient/internal/stream_handle.h"

namespace userclient::internal {

/// Where the messages of a stream and the one who takes them meet. It holds a few, and no more are read until some are taken.
/// *Thread-safe*, but that messages are for one taker at a time.
template <class Message>
class MessageBox {
 public:
  /// Enough to keep a reader busy while the next ones are on their way.
  static constexpr std::size_t kRoom = 32;

  MessageBox() = default;
  MessageBox(const MessageBox&) = delete;
  MessageBox& operator=(const MessageBox&) = delete;

  // For the one who takes:

  /// Blocks until there is a message, or the stream has ended: nullopt.
  std::optional<Message> Next() {
    std::optional<Message> message = PopAhead();
    if (message) return message;
    std::shared_ptr<StreamHandle> wants_more;
    {
      std::unique_lock lock(mutex_);
      if (messages_.empty() && !end_) {
        if (absl::Status status = CheckMayBlock(); !status.ok()) {
          misuse_ = std::move(status);
          return std::nullopt;
        }
        Wait(lock);
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
    std::optional<Message> message = PopAhead();
    if (!message) {
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

  /// Is called with every message, in the moment when it is taken, under the lock. To be set before any is.
  void OnTaken(std::function<void(const Message&)> on_taken) {
    const std::lock_guard lock(mutex_);
    on_taken_ = std::move(on_taken);
  }

  bool HasRoom() {
    const std::lock_guard lock(mutex_);
    paused_ = messages_.size() >= kRoom;
    return !paused_;
  }

  /// `advance(message, all_taken)` is called together with the delivery of the message: nobody sees the one without the other.
  /// False: it is not for the application.
  template <class Advance>
  void Put(Message message, Advance advance) {
    std::shared_ptr<PendingState<std::optional<Message>>> next;
    std::optional<Message> for_next;
    bool wake = false;
    {
      const std::lock_guard lock(mutex_);
      const bool wanted = advance(message, /*all_taken=*/messages_.empty());
      if (!wanted || next_ == nullptr) {
        if (wanted) messages_.push_back(std::move(message));
        wake = watchers_ > 0 || (wanted && wake_at_ > 0 && messages_.size() >= wake_at_);
      } else {
        if (on_taken_) on_taken_(message);
        for_next.emplace(std::move(message));
        next = std::move(next_);
      }
    }
    // Not under the lock, which whoever is woken wants.
    if (wake) changed_.notify_all();
    if (next != nullptr) next->Set(std::move(for_next));
  }

  void End(absl::Status status) {
    std::shared_ptr<PendingState<std::optional<Message>>> next;
    std::shared_ptr<StreamHandle> handle;
    {
      const std::lock_guard lock(mutex_);
      // Who cancels wants no more of it.
      if (status.code() == absl::StatusCode::kCancelled) {
        cancelled_ = true;
        dropped_ = !messages_.empty();
        messages_.clear();
      }
      end_ = std::move(status);
      next = std::move(next_);
      handle = std::move(handle_);
    }
    changed_.notify_all();
    if (next != nullptr) Give(*next, std::nullopt);
  }

  /// Looks at what goes along with the messages, see Put.
  template <class Look>
  auto Locked(Look look) const {
    const std::lock_guard lock(mutex_);
    return look(/*all_taken=*/messages_.empty() && !dropped_);
  }

  /// Blocks until `done`, the end of the stream, or the time has come. True: done.
  template <class Done>
  bool WaitUntil(std::chrono::steady_clock::time_point time, Done done) {
    std::unique_lock lock(mutex_);
    if (!CheckMayBlock().ok()) return done();
    ++watchers_;
    changed_.wait_until(lock, time, [&] { return end_ || done(); });
    --watchers_;
    return done();
  }

 private:
  using Clock = std::chrono::steady_clock;

  /// Faster than this, messages are taken several at a time: to wake a thread takes as long.
  static constexpr std::chrono::microseconds kThick{25};
  static constexpr std::chrono::microseconds kGather{50};

  /// Blocks until there is a message, or the end. The mutex is held.
  ///
  /// As network drivers do: when messages come thick and fast, whoever takes them would be woken for each, which costs more than
  /// the message itself; so he lets some gather for a moment. One that comes alone is never kept waiting.
  void Wait(std::unique_lock<std::mutex>& lock) {
    const Clock::time_point now = Clock::now();
    const bool thick = now - ran_empty_ < taken_ * kThick;
    taken_ = 0;
    ran_empty_ = now;
    if (thick) {
      wake_at_ = kRoom / 2;
      changed_.wait_for(lock, kGather, [this] { return messages_.size() >= kRoom / 2 || end_; });
    }
    wake_at_ = 1;
    changed_.wait(lock, [this] { return !messages_.empty() || end_; });
    wake_at_ = 0;
  }

  /// The mutex is held.
  std::optional<Message> Pop(std::shared_ptr<StreamHandle>& wants_more) {
    if (messages_.empty()) return std::nullopt;
    std::optional<Message> message;
    if (on_taken_) {
      message = std::move(messages_.front());
      messages_.pop_front();
      on_taken_(*message);
      ++taken_;
    } else {
      // All at once: the lock for each of them would be fought for.
      ahead_.swap(messages_);
      taken_ += static_cast<int>(ahead_.size());
      message = PopAhead();
    }
    if (paused_ && messages_.size() <= kRoom / 2) {
      paused_ = false;
      wants_more = handle_;
    }
    return message;
  }

  /// Of the one who takes.
  std::optional<Message> PopAhead() {
    if (cancelled_) ahead_.clear();
    if (ahead_.empty()) return std::nullopt;
    std::optional<Message> message(std::move(ahead_.front()));
    ahead_.pop_front();
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

  /// What nobody else has to see any more. Of the one who takes.
  std::deque<Message> ahead_;
  std::atomic<bool> cancelled_ = false;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::deque<Message> messages_;
  bool dropped_ = false;
  bool paused_ = false;
  std::function<void(const Message&)> on_taken_;
  std::shared_ptr<PendingState<std::optional<Message>>> next_;
  std::shared_ptr<StreamHandle> handle_;
  std::optional<absl::Status> end_;
  absl::Status misuse_;
  /// Whoever waits for a message is woken when there are so many; 0: nobody waits.
  std::size_t wake_at_ = 0;
  /// How many wait for something else.
  int watchers_ = 0;
  /// When there was no message left, and how many have been taken since.
  Clock::time_point ran_empty_{};
  int taken_ = 0;
};

}  // namespace userclient::internal
