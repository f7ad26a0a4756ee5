#include "transport/channel_pool.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "transport/target.h"

namespace userclient::internal {
namespace {

// How often calls ask whether a connecting channel is READY.
constexpr std::chrono::milliseconds kWarmUpLook(1);
// gRPC's waits for a state cannot be cancelled, so they are short.
constexpr std::chrono::milliseconds kStateWait(50);

/// An in-process channel has no connection, and so no state; gRPC says SHUTDOWN of it. No other channel that lives does.
bool IsReady(grpc_connectivity_state state) { return state == GRPC_CHANNEL_READY || state == GRPC_CHANNEL_SHUTDOWN; }

int64_t Ticks(ChannelPool::TimePoint time) { return time.time_since_epoch().count(); }

/// `time + duration`, which a duration that means "never" does not overflow.
ChannelPool::TimePoint Later(ChannelPool::TimePoint time, std::chrono::nanoseconds duration) {
  return duration < ChannelPool::TimePoint::max() - time ? time + duration : ChannelPool::TimePoint::max();
}

absl::Status CheckSizes(const ChannelSpec& spec) {
  if (spec.count < 1) return absl::InvalidArgumentError(absl::StrCat("channels: ", spec.count, " is not enough; at least 1"));
  if (spec.largest() < spec.count) {
    return absl::InvalidArgumentError(
        absl::StrCat("channels: the maximum (", spec.largest(), ") is smaller than the number to begin with (", spec.count, ")"));
  }
  if (spec.largest() > ChannelPool::kMostChannels) {
    return absl::InvalidArgumentError(
        absl::StrCat("channels: ", spec.largest(), " are too many; at most ", ChannelPool::kMostChannels));
  }
  if (spec.grow_at < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("channels: to grow at ", spec.grow_at, " calls in flight is impossible; at least 1"));
  }
  if (spec.shrink_after < std::chrono::nanoseconds::zero()) {
    return absl::InvalidArgumentError("channels: the time after which additional ones leave is negative");
  }
  if (spec.warm_up_limit <= std::chrono::nanoseconds::zero()) {
    return absl::InvalidArgumentError("channels: additional ones need more than no time to connect");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChannelPool>> ChannelPool::Create(const ChannelSpec& spec, const StubFactory& make_stub) {
  if (spec.factory == nullptr) {
    if (absl::Status status = CheckTarget(spec.target); !status.ok()) return status;
  }
  if (absl::Status status = CheckChannelConfig(spec.service_config_json); !status.ok()) return status;
  if (absl::Status status = CheckSizes(spec); !status.ok()) return status;

  std::unique_ptr<ChannelPool> pool(new ChannelPool(spec, make_stub));
  absl::MutexLock lock(&pool->chores_);
  for (int i = 0; i < spec.count; ++i) {
    PoolMember* member = pool->NewMember(i);
    // A sound channel is idle until its first call; a lame one, on which every call would fail, says so at once. Those of a
    // factory are what it makes them.
    const bool lame = spec.factory == nullptr &&
                      member->channel().channel->GetState(/*try_to_connect=*/false) == GRPC_CHANNEL_TRANSIENT_FAILURE;
    pool->AddToUse(member);
    if (lame) {
      return absl::InvalidArgumentError(absl::StrCat("target \"", spec.target,
                                                     "\": gRPC cannot make a channel of this target and these credentials; "
                                                     "check the address behind the scheme and the PEM files"));
    }
  }
  pool->PlanChores(Clock::now());
  return pool;
}

ChannelPool::ChannelPool(const ChannelSpec& spec, StubFactory make_stub)
    : make_stub_(std::move(make_stub)),
      calls_per_channel_(spec.grow_at),
      count_(spec.count),
      slots_(new std::atomic<PoolMember*>[kMostChannels]()),
      needed_at_(new std::atomic<int64_t>[kMostChannels]()),
      spec_(spec) {}

ChannelPool::~ChannelPool() {
  absl::MutexLock lock(&chores_);
  GiveUpRenewal();
  if (warming_ != nullptr) warming_->Close();
  for (PoolMember* member : members_) member->Abandon();
}

PoolMember* ChannelPool::LeastBusy() {
  const size_t size = static_cast<size_t>(size_.load(std::memory_order_acquire));
  // Two calls at once may get the same turn, which does no harm and saves the lock on the bus.
  const size_t turn = turn_.load(std::memory_order_relaxed);
  turn_.store(turn + 1, std::memory_order_relaxed);
  PoolMember* least_busy = nullptr;
  uint32_t fewest = std::numeric_limits<uint32_t>::max();
  size_t slot = turn % size;
  for (size_t i = 0; i < size && fewest > 0; ++i) {
    PoolMember* const member = slots_[slot].load(std::memory_order_acquire);
    if (const uint32_t callers = member->callers(); callers < fewest) {
      fewest = callers;
      least_busy = member;
    }
    if (++slot == size) slot = 0;
  }
  return least_busy;
}

int ChannelPool::CallsInUse() const {
  int64_t calls = 0;
  for (int i = 0; i < size(); ++i) calls += slots_[i].load(std::memory_order_acquire)->callers();
  return static_cast<int>(std::min<int64_t>(calls, std::numeric_limits<int>::max()));
}

void ChannelPool::Grow() {
  if (!chores_.TryLock()) return;
  const TimePoint now = Clock::now();
  // Another call may have been here since this one looked.
  if (grow_at_.load(std::memory_order_relaxed) != kNoGrowth) {
    warming_ = NewMember(size());
    warming_until_ = Later(now, spec_.warm_up_limit);
    warming_->channel().channel->GetState(/*try_to_connect=*/true);
    PlanChores(now);
  }
  chores_.Unlock();
}

void ChannelPool::Tend() {
  const TimePoint now = Clock::now();
  // With one call more. As long as fewer channels than there are can carry them, the last ones are not needed.
  const int needed = std::min(CallsInUse() / calls_per_channel_ + 1, size());
  for (int i = count_.load(std::memory_order_relaxed); i < needed; ++i) {
    if (const int64_t ticks = Ticks(now); ticks > needed_at_[i].load(std::memory_order_relaxed)) {
      needed_at_[i].store(ticks, std::memory_order_relaxed);
    }
  }
  if (Ticks(now) < next_chore_.load(std::memory_order_relaxed) || !chores_.TryLock()) return;
  TryOut(now);
  Shrink(now);
  PlanChores(now);
  chores_.Unlock();
}

void ChannelPool::TryOut(TimePoint now) {
  if (warming_ == nullptr) return;
  // A channel that fails to connect may be idle again, depending on its balancing policy.
  if (IsReady(warming_->channel().channel->GetState(/*try_to_connect=*/true))) {
    needed_at_[size()].store(Ticks(now), std::memory_order_relaxed);
    AddToUse(std::exchange(warming_, nullptr));
  } else if (now >= warming_until_ || shut_down_.load(std::memory_order_relaxed)) {
    std::exchange(warming_, nullptr)->Close();
    no_growth_before_ = Later(now, spec_.warm_up_limit);
  }
}

void ChannelPool::Shrink(TimePoint now) {
  // The channel that is connecting has the number behind the last. It arrives or is given up first.
  if (warming_ != nullptr) return;
  while (size() > spec_.count) {
    const int last = size() - 1;
    const bool needed_now = CallsInUse() / calls_per_channel_ >= last;
    if (needed_now || Ticks(now) - needed_at_[last].load(std::memory_order_relaxed) < spec_.shrink_after.count()) return;
    size_.store(last, std::memory_order_release);
    slots_[last].load(std::memory_order_relaxed)->Close();
  }
}

void ChannelPool::PlanChores(TimePoint now) {
  const bool may_grow = size() < spec_.largest() && warming_ == nullptr && !shut_down_.load(std::memory_order_relaxed);
  TimePoint next = TimePoint::max();
  if (warming_ != nullptr) next = Later(now, kWarmUpLook);
  if (may_grow && now < no_growth_before_) next = std::min(next, no_growth_before_);
  if (size() > spec_.count) {
    const TimePoint needed(Clock::duration(needed_at_[size() - 1].load(std::memory_order_relaxed)));
    next = std::min(next, Later(needed, spec_.shrink_after));
  }
  static_assert(TimePoint::max().time_since_epoch().count() == kNoChore);
  next_chore_.store(Ticks(next), std::memory_order_relaxed);
  grow_at_.store(may_grow && now >= no_growth_before_ ? static_cast<uint32_t>(calls_per_channel_) : kNoGrowth,
                 std::memory_order_relaxed);
}

PoolMember* ChannelPool::NewMember(int index) {
  auto vacant = std::find_if(members_.begin(), members_.end(), [](PoolMember* member) { return member->vacant(); });
  if (vacant == members_.end()) vacant = members_.insert(members_.end(), new PoolMember);
  (*vacant)->Fill(MakePooledChannel(spec_, index, make_stub_));
  return *vacant;
}

void ChannelPool::AddToUse(PoolMember* member) {
  const int index = size();
  member->Open();
  slots_[index].store(member, std::memory_order_release);
  size_.store(index + 1, std::memory_order_release);
}

std::vector<std::shared_ptr<grpc::Channel>> ChannelPool::InUse() {
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  absl::MutexLock lock(&chores_);
  channels.reserve(static_cast<size_t>(size()));
  for (int i = 0; i < size(); ++i) channels.push_back(slots_[i].load(std::memory_order_relaxed)->channel().channel);
  return channels;
}

void ChannelPool::Connect() {
  for (const auto& channel : InUse()) channel->GetState(/*try_to_connect=*/true);
}

bool ChannelPool::WaitReady(TimePoint deadline, const std::stop_token& stop) {
  while (true) {
    // Anew in each round: a channel may have been replaced.
    std::shared_ptr<grpc::Channel> not_ready;
    grpc_connectivity_state state = GRPC_CHANNEL_READY;
    for (const auto& channel : InUse()) {
      const grpc_connectivity_state now = channel->GetState(/*try_to_connect=*/true);
      if (IsReady(now)) continue;
      not_ready = channel;
      state = now;
    }
    if (not_ready == nullptr) return !shut_down_.load();
    const TimePoint now = Clock::now();
    if (now >= deadline || stop.stop_requested() || shut_down_.load()) return false;
    const auto wait = std::min<std::chrono::nanoseconds>(deadline - now, kStateWait);
    not_ready->WaitForStateChange(state, std::chrono::system_clock::now() + wait);
  }
}

void ChannelPool::Renew(const ChannelSpec& spec) {
  absl::MutexLock lock(&chores_);
  if (shut_down_.load()) return;
  GiveUpRenewal();
  // A channel by the old spec; the next call that needs it makes another.
  if (warming_ != nullptr) std::exchange(warming_, nullptr)->Close();
  spec_ = spec;
  count_.store(spec.count, std::memory_order_relaxed);
  const auto state_of = [](const PoolMember& member) { return member.channel().channel->GetState(/*try_to_connect=*/false); };
  bool connected = false;
  successors_.resize(static_cast<size_t>(std::min(size(), spec.largest())), nullptr);
  for (size_t i = 0; i < successors_.size(); ++i) {
    successors_[i] = NewMember(static_cast<int>(i));
    connected |= state_of(*slots_[i].load(std::memory_order_relaxed)) == GRPC_CHANNEL_READY;
  }
  Resize(connected);
  PlanChores(Clock::now());
}

/// To what the spec says now.
void ChannelPool::Resize(bool connect) {
  while (size() > spec_.largest()) {
    const int last = size() - 1;
    size_.store(last, std::memory_order_release);
    slots_[last].load(std::memory_order_relaxed)->Close();
  }
  while (size() < spec_.count) {
    PoolMember* const member = NewMember(size());
    if (connect) member->channel().channel->GetState(/*try_to_connect=*/true);
    AddToUse(member);
  }
}

bool ChannelPool::CarryOnRenewal() {
  absl::MutexLock lock(&chores_);
  bool done = true;
  for (size_t i = 0; i < successors_.size(); ++i) {
    PoolMember*& successor = successors_[i];
    if (successor == nullptr) continue;
    // It may have left meanwhile, because nobody needed it.
    if (i >= static_cast<size_t>(size())) {
      std::exchange(successor, nullptr)->Close();
      continue;
    }
    PoolMember* const old = slots_[i].load(std::memory_order_relaxed);
    const grpc_connectivity_state before = old->channel().channel->GetState(/*try_to_connect=*/false);
    // Nobody has called over it: nor need its successor connect before somebody does.
    const bool try_to_connect = before != GRPC_CHANNEL_IDLE;
    const bool ready = IsReady(successor->channel().channel->GetState(try_to_connect));
    // An old channel that is just trying to connect again may yet be the one that can.
    if (!ready && try_to_connect) {
      done = false;
      continue;
    }
    successor->Open();
    slots_[i].store(std::exchange(successor, nullptr), std::memory_order_release);
    old->Close();
  }
  if (done) successors_.clear();
  return done;
}

void ChannelPool::GiveUpRenewal() {
  for (PoolMember* successor : successors_) {
    if (successor != nullptr) successor->Close();
  }
  successors_.clear();
}

bool ChannelPool::renewing() const {
  absl::MutexLock lock(&chores_);
  return !successors_.empty();
}

ChannelSpec ChannelPool::spec() const {
  absl::MutexLock lock(&chores_);
  return spec_;
}

void ChannelPool::Shutdown() {
  absl::MutexLock lock(&chores_);
  shut_down_.store(true);
  GiveUpRenewal();
  if (warming_ != nullptr) std::exchange(warming_, nullptr)->Close();
  PlanChores(Clock::now());
}

int ChannelPool::in_flight() const {
  absl::MutexLock lock(&chores_);
  int calls = 0;
  for (const PoolMember* member : members_) calls += static_cast<int>(member->callers());
  return calls;
}

std::vector<ChannelPool::ChannelState> ChannelPool::channels() const {
  std::vector<ChannelState> states;
  absl::MutexLock lock(&chores_);
  const auto add = [&](const PoolMember& member, bool in_use) {
    states.push_back({.pool_number = spec_.first_pool_number + static_cast<int>(states.size()),
                      .connectivity = member.channel().channel->GetState(/*try_to_connect=*/false),
                      .in_flight = static_cast<int>(member.callers()),
                      .in_use = in_use});
  };
  for (int i = 0; i < size(); ++i) add(*slots_[i].load(std::memory_order_relaxed), true);
  if (warming_ != nullptr) add(*warming_, false);
  return states;
}

}  // namespace userclient::internal
