#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <utility>

#include "policy/thread_shard.h"
#include "policy/time.h"

namespace userclient::internal {

/// Counts the calls of a client that are under way, and lets none in once it is closed. *Thread-safe.* An open gate costs a call
/// two additions, and a third if the application is called back, on a line that other threads seldom touch.
class CallGate {
 public:
  CallGate() = default;
  CallGate(const CallGate&) = delete;
  CallGate& operator=(const CallGate&) = delete;

  /// One call's stay inside, and the time in which its application is called back. Movable; leaves by itself. Empty if the gate
  /// was closed.
  class Pass {
   public:
    Pass() = default;
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)), shard_(other.shard_), ended_(other.ended_) {}
    Pass& operator=(Pass&& other) noexcept {
      std::swap(gate_, other.gate_);
      std::swap(shard_, other.shard_);
      std::swap(ended_, other.ended_);
      return *this;
    }
    ~Pass() {
      if (gate_ != nullptr) gate_->Subtract(shard_, ended_ ? kCallback : kCall);
    }

    /// The call has ended; what is left is to tell the application. Before that may be about to shut the client down: of a call
    /// that has ended, nothing is left to be cancelled.
    void NoteEnd() {
      if (gate_ == nullptr || std::exchange(ended_, true)) return;
      gate_->Subtract(shard_, kCall - kCallback);
    }

    explicit operator bool() const { return gate_ != nullptr; }

    /// Stop is requested when the gate's calls are to be cancelled.
    std::stop_token cancelled() const { return gate_->shards_[shard_].cancel.get_token(); }
    /// Stop is requested as soon as it closes: for what would otherwise go on for ever.
    std::stop_token closing() const { return gate_->shards_[shard_].closing.get_token(); }

   private:
    friend class CallGate;
    Pass(CallGate* gate, size_t shard) : gate_(gate), shard_(shard) {}

    CallGate* gate_ = nullptr;
    size_t shard_ = 0;
    bool ended_ = false;
  };

  [[nodiscard]] Pass Enter();

  /// Lets nobody in any more, waits until every call has ended or the time has come, then cancels those that are left, which
  /// end at once; and waits until the application has been called back for all of them. True: none had to be cancelled. May be
  /// called several times, from several threads.
  bool Close(TimePoint deadline);

  /// Lets nobody in any more, and no more.
  void CloseForEntry();

  /// Calls under way.
  int64_t inside() const;

  /// The same for one who must not wait: lets nobody in any more and cancels who is inside.
  void CloseNow();

 private:
  static constexpr size_t kShards = 16;

  /// A shard counts both in one number, so that a call is at no moment in neither: calls below, callbacks above.
  static constexpr int64_t kCall = 1;
  static constexpr int64_t kCallback = int64_t{1} << 32;

  struct alignas(kCacheLine) Shard {
    std::atomic<int64_t> counts{0};
    std::stop_source cancel;
    std::stop_source closing;
  };

  void Subtract(size_t shard, int64_t counts);
  /// Of all shards: calls and callbacks.
  int64_t counts() const;
  /// The calls of these counts.
  static int64_t CallsOf(int64_t counts) { return counts % kCallback; }

  std::atomic<bool> closed_{false};
  std::array<Shard, kShards> shards_;
  std::mutex mutex_;
  std::condition_variable left_;
};

}  // namespace userclient::internal
