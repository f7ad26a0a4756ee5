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
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "userclient/internal/may_block.h"
#include "userclient/internal/message_pump.h"
#include "userclient/internal/pending_state.h"
#include "userclient/internal/sleeper.h"
#include "userclient/internal/stream_handle.h"

namespace userclient::internal {

/// Where the messages of a stream and the one who takes them meet. It holds a few, and no more are read until some are taken.
/// *Thread-safe*, but that messages are for one taker at a time.
template <class Message>
class MessageBox final : public Sleeper, public std::enable_shared_from_this<MessageBox<Message>> {
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

  /// Whoever waits may work it. To be set before anybody does.
  void SetPump(std::shared_ptr<MessagePump> pump) {
    const std::lock_guard lock(mutex_);
    pump_ = std::move(pump);
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
    std::shared_ptr<MessagePump> pump;
    bool wake = false;
    {
      const std::lock_guard lock(mutex_);
      const bool wanted = advance(message, /*all_taken=*/messages_.empty());
      wake = watchers_ > 0;
      if (!wanted || next_ == nullptr) {
        if (wanted) messages_.push_back(std::move(message));
        pump = PumpOfAnother();
        wake = wake || (wanted && waiting_ && pumper_ == std::thread::id() && !WakeLater());
      } else {
        if (on_taken_) on_taken_(message);
        for_next.emplace(std::move(message));
        next = std::move(next_);
      }
    }
    // Not under the lock, which whoever is woken wants.
    if (wake) changed_.notify_all();
    if (pump != nullptr) pump->LookAgain();
    if (next != nullptr) next->Set(std::move(for_next));
  }

  void End(absl::Status status) {
    std::shared_ptr<PendingState<std::optional<Message>>> next;
    std::shared_ptr<StreamHandle> handle;
    std::shared_ptr<MessagePump> pump;
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
      pump = PumpOfAnother();
    }
    changed_.notify_all();
    if (pump != nullptr) pump->LookAgain();
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
  /// Blocks until there is a message, or the end. The mutex is held.
  void Wait(std::unique_lock<std::mutex>& lock) {
    const auto enough = [this] { return !messages_.empty() || end_; };
    waiting_ = true;
    if (const std::shared_ptr<MessagePump> pump = pump_; pump != nullptr) {
      pumper_ = std::this_thread::get_id();
      lock.unlock();
      pump->PumpUntil([&] {
        const std::lock_guard look(mutex_);
        return enough();
      });
      lock.lock();
      pumper_ = {};
    }
    changed_.wait(lock, enough);
    waiting_ = wake_due_ = false;
  }

  /// The one who works the pump, if somebody else has to tell him that there is something. The mutex is held.
  std::shared_ptr<MessagePump> PumpOfAnother() const {
    return pumper_ == std::thread::id() || pumper_ == std::this_thread::get_id() ? nullptr : pump_;
  }

  /// Puts off the waking of the one who waits, to when the present thread has nothing better to do: to wake a thread takes as
  /// long as to read several messages, which it then finds all at once. False: now is the time. The mutex is held.
  bool WakeLater() {
    if (messages_.size() >= kRoom / 2) return false;
    if (!wake_due_) wake_due_ = WakeWhenIdle(this->shared_from_this());
    return wake_due_;
  }

  void Wake() override {
    {
      const std::lock_guard lock(mutex_);
      if (!std::exchange(wake_due_, false)) return;
    }
    changed_.notify_all();
  }

  /// The mutex is held.
  std::optional<Message> Pop(std::shared_ptr<StreamHandle>& wants_more) {
    misuse_ = absl::OkStatus();
    if (messages_.empty()) return std::nullopt;
    std::optional<Message> message;
    if (on_taken_) {
      message = std::move(messages_.front());
      messages_.pop_front();
      on_taken_(*message);
    } else {
      // All at once: the lock for each of them would be fought for.
      ahead_.swap(messages_);
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
  std::shared_ptr<MessagePump> pump_;
  /// Who works it meanwhile.
  std::thread::id pumper_;
  /// Somebody waits for a message; it is known who will wake him.
  bool waiting_ = false;
  bool wake_due_ = false;
  /// How many wait for something else.
  int watchers_ = 0;
};

}  // namespace userclient::internal
