#pragma once

/// The messages of a stream, in the order in which the server sent them.
///
///   for (const user::v1::ActivityEvent& event : client->StreamActivity(request)) ...
///
///   userclient::MessageStream<ActivityEvent> stream = client->StreamActivity(request);
///   while (std::optional<ActivityEvent> event = stream.Next()) ...                          // blocks
///   if (!stream.status().ok()) ...
///
///   while (true) {
///     absl::StatusOr<std::optional<ActivityEvent>> event = co_await stream.NextAsync();     // holds no thread
///     if (!event.ok() || !*event) break;
///     ...
///   }

#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "userclient/internal/message_box.h"
#include "userclient/pending_call.h"

namespace userclient {

/// A stream under way. Movable; when it is destroyed, or another one moved into its place, the stream is cancelled, and what its
/// CallOptions point to is not used any more. A few messages are read ahead; beyond them the server waits until some are taken
/// (flow control), so a slow reader costs no memory. It holds a seat in its compartment until it has ended.
///
/// Destroying it waits for a continuation of NextAsync that is just running on another thread, and calls one that still waits: it
/// must not be destroyed under a lock that a continuation takes.
///
/// One thread at a time takes messages. *Cancel is thread-safe.*
template <class Message>
class MessageStream {
 public:
  explicit MessageStream(std::shared_ptr<internal::MessageBox<Message>> box) : box_(std::move(box)) {}
  MessageStream(MessageStream&&) noexcept = default;
  MessageStream& operator=(MessageStream&& other) noexcept {
    MessageStream(std::move(other)).Swap(*this);
    return *this;
  }
  ~MessageStream() {
    if (box_ != nullptr) box_->Abandon();
  }

  /// Blocks until the next message is there, and gives it; or nullopt when the stream has ended: status() tells why. Not in a
  /// callback, where it gives nullopt at once.
  std::optional<Message> Next() { return box_->Next(); }

  /// The next message; nullopt when the stream has ended well; the stream's status when it has failed. Ask for one at a
  /// time. Whoever drops the PendingCall drops the message; what cancels is Cancel, here.
  PendingCall<std::optional<Message>> NextAsync() { return PendingCall<std::optional<Message>>(box_->NextAsync()); }

  /// OK while it goes on and when it has ended well. Else why it failed; messages that came before may still be taken.
  absl::Status status() const { return box_->status(); }

  /// Ends it with CANCELLED. Never blocks. Messages that have not been taken are dropped.
  void Cancel() const { box_->Cancel(); }

  class Iterator {
   public:
    using value_type = Message;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    const Message& operator*() const { return *stream_->present_; }
    const Message* operator->() const { return &**this; }
    Iterator& operator++() {
      stream_->present_ = stream_->Next();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return !stream_->present_; }

   private:
    friend class MessageStream;
    explicit Iterator(MessageStream* stream) : stream_(stream) {}
    MessageStream* stream_;
  };

  /// Waits for the first message. Once.
  Iterator begin() {
    present_ = Next();
    return Iterator(this);
  }
  static std::default_sentinel_t end() { return std::default_sentinel; }

 private:
  void Swap(MessageStream& other) noexcept {
    std::swap(box_, other.box_);
    std::swap(present_, other.present_);
  }

  std::shared_ptr<internal::MessageBox<Message>> box_;
  /// Where the range is.
  std::optional<Message> present_;
};

}  // namespace userclient
