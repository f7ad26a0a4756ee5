#include "transport/pool_member.h"

namespace userclient::internal {

void PoolMember::Fill(PooledChannel channel) {
  channel_ = std::move(channel);
  state_.fetch_and(~kVacant, std::memory_order_release);
}

void PoolMember::Open() { state_.fetch_or(kOpen, std::memory_order_release); }

void PoolMember::Close() {
  const uint64_t before = state_.fetch_and(~kOpen, std::memory_order_acq_rel);
  if ((before & kCallers) == 0) Vacate();
}

void PoolMember::Abandon() {
  const uint64_t before = state_.fetch_or(kAbandoned, std::memory_order_acq_rel);
  if ((before & kVacant) != 0) {
    delete this;
  } else if ((before & kOpen) != 0) {
    Close();
  }
  // Else it is closed, and whoever empties it deletes it.
}

void PoolMember::Vacate() {
  channel_ = {};
  const uint64_t before = state_.fetch_or(kVacant, std::memory_order_acq_rel);
  if ((before & kAbandoned) != 0) delete this;
}

}  // namespace userclient::internal
