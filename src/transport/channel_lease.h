#pragma once

#include <utility>

#include "transport/pool_member.h"

namespace userclient::internal {

/// A channel on loan from a ChannelPool for one call in flight; a stream holds it for life. Returns itself when it is destroyed.
/// The channel lives at least as long as the lease, even if it leaves the pool or the pool dies meanwhile.
///
/// Movable. One thread at a time.
class ChannelLease {
 public:
  ChannelLease() = default;
  ChannelLease(ChannelLease&& other) noexcept : member_(std::exchange(other.member_, nullptr)) {}
  ChannelLease& operator=(ChannelLease&& other) noexcept {
    if (this != &other) {
      Return();
      member_ = std::exchange(other.member_, nullptr);
    }
    return *this;
  }
  ~ChannelLease() { Return(); }

  /// Gives the channel back now. Harmless when there is none.
  void Return() {
    if (member_ != nullptr) std::exchange(member_, nullptr)->Leave();
  }

  explicit operator bool() const { return member_ != nullptr; }
  const PooledChannel& operator*() const { return member_->channel(); }
  const PooledChannel* operator->() const { return &member_->channel(); }

 private:
  friend class ChannelPool;
  /// Takes over that the caller has entered.
  explicit ChannelLease(PoolMember* member) : member_(member) {}

  PoolMember* member_ = nullptr;
};

}  // namespace userclient::internal
