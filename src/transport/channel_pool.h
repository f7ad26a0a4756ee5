#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <stop_token>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "transport/channel_lease.h"
#include "transport/pooled_channel.h"

namespace userclient::internal {

/// The channels of one compartment, each with TCP connections of its own. *Thread-safe.*
///
/// A call takes the channel with the fewest calls in flight. When every channel has `grow_at` of them, the pool makes one more,
/// up to `max_count`, and uses it once it is READY; additional channels leave when they have not been needed for `shrink_after`.
/// All of this happens on the way of calls, which never wait for it: there is no thread and no timer, so a pool that nobody uses
/// stays as it is.
///
/// Channels are renewed (for addresses that gRPC has not seen yet, for new certificates, for a new config) one by one and made
/// before broken: calls go over the old one until the new one is READY, and those in flight finish where they began. With equal
/// arguments gRPC hands the living connections of the old channel to the new one, so only new addresses cost a connection.
class ChannelPool {
 public:
  using Clock = std::chrono::steady_clock;
  using TimePoint = Clock::time_point;
  using Lease = ChannelLease;

  /// Of one pool.
  static constexpr int kMostChannels = 64;

  struct ChannelState {
    int pool_number = 0;
    grpc_connectivity_state connectivity = GRPC_CHANNEL_IDLE;
    int in_flight = 0;
    /// False while the channel is not yet used because it is still connecting.
    bool in_use = true;
  };

  /// Makes the channels; connects none. *Errors:* INVALID_ARGUMENT for a target, service config, credentials or sizes that cannot
  /// be.
  static absl::StatusOr<std::unique_ptr<ChannelPool>> Create(const ChannelSpec& spec, const StubFactory& make_stub);
  ~ChannelPool();

  /// The channel with the fewest calls in flight; equals take turns. *Never blocks.*
  Lease Take() {
    if (next_chore_.load(std::memory_order_relaxed) != kNoChore) [[unlikely]]
      Tend();
    while (true) {
      PoolMember* const member =
          size_.load(std::memory_order_acquire) == 1 ? slots_[0].load(std::memory_order_acquire) : LeastBusy();
      const std::optional<uint32_t> before = member->Enter();
      if (!before) continue;  // It has just left the pool.
      if (*before >= grow_at_.load(std::memory_order_relaxed)) [[unlikely]]
        Grow();
      return Lease(member);
    }
  }

  /// Connects every channel. Blocks until all of them have been READY: true; or until the deadline passes, a stop is requested or
  /// the pool is shut down: false. The latter two are noticed within 50 ms.
  bool WaitReady(TimePoint deadline, const std::stop_token& stop = {});

  /// Tells every channel to connect. *Never blocks.*
  void Connect();

  /// Begins to replace every channel by a new one, made by this spec, in which `grow_at` does not count; takes the place of a
  /// renewal that is not done. More channels are made, or surplus ones closed, if the spec has another number of them. At most
  /// kMostChannels. The spec must be one that Create would accept. *Never blocks.*
  void Renew(const ChannelSpec& spec);

  /// Puts those new channels to use that are READY, or whose predecessor nobody has called over. True: all are in use, and
  /// the renewal is done. To be called now and then until then. *Never blocks.*
  bool CarryOnRenewal();

  /// A renewal has begun and is not done.
  bool renewing() const;

  /// What the channels are made by.
  ChannelSpec spec() const;

  /// No growth and no renewal any more, and nobody waits for readiness. Channels can still be taken.
  void Shutdown();

  /// Channels in use.
  int size() const { return size_.load(std::memory_order_acquire); }
  /// Leases that have not returned, those of channels that have left the pool included.
  int in_flight() const;
  /// In use or connecting, in the order of their numbers.
  std::vector<ChannelState> channels() const;

 private:
  static constexpr int64_t kNoChore = std::numeric_limits<int64_t>::max();
  static constexpr uint32_t kNoGrowth = std::numeric_limits<uint32_t>::max();

  ChannelPool(const ChannelSpec& spec, StubFactory make_stub);

  std::vector<std::shared_ptr<grpc::Channel>> InUse();
  PoolMember* LeastBusy();
  int CallsInUse() const;

  // Chores. Callers pass by while one of them is at it.
  void Grow();
  void Tend();
  void TryOut(TimePoint now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(chores_);
  void Shrink(TimePoint now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(chores_);
  void PlanChores(TimePoint now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(chores_);
  PoolMember* NewMember(int index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(chores_);
  void AddToUse(PoolMember* member) ABSL_EXCLUSIVE_LOCKS_REQUIRED(chores_);
  void GiveUpRenewal() ABSL_EXCLUSIVE_LOCKS_REQUIRED(chores_);
  void Resize(bool connect) ABSL_EXCLUSIVE_LOCKS_REQUIRED(chores_);

  const StubFactory make_stub_;
  /// Of the spec that the pool began with.
  const int calls_per_channel_;

  // Read by every call, written only when the pool changes.
  std::atomic<int> size_{0};
  /// Those that are always there.
  std::atomic<int> count_;
  std::atomic<uint32_t> grow_at_{kNoGrowth};
  /// When the next chore is due, in ticks of the clock. kNoChore at the minimum, so that calls read no clock there.
  std::atomic<int64_t> next_chore_{kNoChore};
  /// The first size_ are in use. One that was in use once is never null again.
  const std::unique_ptr<std::atomic<PoolMember*>[]> slots_;

  // Written by calls.
  alignas(64) std::atomic<size_t> turn_{0};
  /// Per slot: when the calls in flight last needed it.
  const std::unique_ptr<std::atomic<int64_t>[]> needed_at_;

  std::atomic<bool> shut_down_{false};
  mutable absl::Mutex chores_;
  ChannelSpec spec_ ABSL_GUARDED_BY(chores_);
  /// All that were ever made; vacant ones are used again.
  std::vector<PoolMember*> members_ ABSL_GUARDED_BY(chores_);
  /// The next channel, which is connecting.
  PoolMember* warming_ ABSL_GUARDED_BY(chores_) = nullptr;
  /// By slot: the channel that is to come into use there; null where none is.
  std::vector<PoolMember*> successors_ ABSL_GUARDED_BY(chores_);
  TimePoint warming_until_ ABSL_GUARDED_BY(chores_){};
  /// After a channel that did not become READY.
  TimePoint no_growth_before_ ABSL_GUARDED_BY(chores_) = TimePoint::min();
};

}  // namespace userclient::internal
