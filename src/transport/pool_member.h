#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

#include "transport/pooled_channel.h"

namespace userclient::internal {

/// A place in a pool: one channel after another, and the calls in flight on the present one.
///
///             Fill              Open                Close              the last caller leaves
///   vacant ──────────► filled ──────────► open ──────────────► closed ────────────────────────┐
///     ▲                   └── Close ─┐     (callers Enter and Leave)  (callers Leave)          │
///     └──────────────────────────────┴────────────────────────────────────────────────────────┘
///
/// A caller may hold the address of a member that has been closed, emptied and filled again meanwhile: it enters whatever channel
/// is open there, or nothing. So members are never freed while their pool lives. Callers that are still inside when the pool dies
/// keep the member.
///
/// Thread-safe: any thread may Enter and Leave; the other functions are for the pool, one thread at a time.
class PoolMember {
 public:
  PoolMember() = default;
  PoolMember(const PoolMember&) = delete;
  PoolMember& operator=(const PoolMember&) = delete;

  /// Counts the caller in and returns how many were there before; nullopt if the member is not open.
  std::optional<uint32_t> Enter() {
    uint64_t state = state_.load(std::memory_order_acquire);
    while ((state & kOpen) != 0) {
      if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire))
        return static_cast<uint32_t>(state & kCallers);
    }
    return std::nullopt;
  }

  /// For a caller that has entered. The last one out of a closed member destroys the channel.
  void Leave() {
    const uint64_t before = state_.fetch_sub(1, std::memory_order_acq_rel);
    if ((before & (kOpen | kCallers)) == 1) [[unlikely]]
      Vacate();
  }

  /// For callers inside, and for the pool while the member is filled or open.
  const PooledChannel& channel() const { return channel_; }

  uint32_t callers() const { return static_cast<uint32_t>(state_.load(std::memory_order_relaxed) & kCallers); }
  bool vacant() const { return (state_.load(std::memory_order_acquire) & kVacant) != 0; }

  void Fill(PooledChannel channel);
  void Open();
  /// Nobody enters any more. Destroys the channel if nobody is inside.
  void Close();
  /// The pool dies: deletes this member, now or when the last caller leaves. No Enter may be under way.
  void Abandon();

 private:
  static constexpr uint64_t kCallers = (uint64_t{1} << 32) - 1;
  static constexpr uint64_t kOpen = uint64_t{1} << 32;
  static constexpr uint64_t kVacant = uint64_t{1} << 33;
  static constexpr uint64_t kAbandoned = uint64_t{1} << 34;

  ~PoolMember() = default;
  void Vacate();

  // Written by every call, so it shares its cache line with nothing that other threads read.
  alignas(64) std::atomic<uint64_t> state_{kVacant};
  alignas(64) PooledChannel channel_{};
};

}  // namespace userclient::internal
