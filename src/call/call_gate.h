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
/// two additions on a line that other threads seldom touch.
class CallGate {
 public:
  CallGate() = default;
  CallGate(const CallGate&) = delete;
  CallGate& operator=(const CallGate&) = delete;

  /// One call's stay inside. Movable; leaves by itself. Empty if the gate was closed.
  class Pass {
   public:
    Pass() = default;
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)), shard_(other.shard_) {}
    Pass& operator=(Pass&& other) noexcept {
      std::swap(gate_, other.gate_);
      std::swap(shard_, other.shard_);
      return *this;
    }
    ~Pass() {
      if (gate_ != nullptr) gate_->Leave(shard_);
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
  };

  [[nodiscard]] Pass Enter();

  /// Lets nobody in any more, waits until everyone has left or the time has come, then cancels who is left and waits for them:
  /// they leave at once. True: nobody had to be cancelled. May be called several times, from several threads.
  bool Close(TimePoint deadline);

  /// Lets nobody in any more, and no more.
  void CloseForEntry();

  /// Calls under way.
  int64_t inside() const;

  /// The same for one who must not wait: lets nobody in any more and cancels who is inside.
  void CloseNow();

 private:
  static constexpr size_t kShards = 16;

  struct alignas(kCacheLine) Shard {
    std::atomic<int64_t> inside{0};
    std::stop_source cancel;
    std::stop_source closing;
  };

  void Leave(size_t shard);

  std::atomic<bool> closed_{false};
  std::array<Shard, kShards> shards_;
  std::mutex mutex_;
  std::condition_variable left_;
};

}  // namespace userclient::internal
