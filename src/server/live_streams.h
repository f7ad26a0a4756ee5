#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"

namespace userclient::internal {

class StreamCall;

/// How far a server is on its way down.
enum class DrainPhase {
  kServing,
  /// Calls are still taken, but what can only be resumed elsewhere ends.
  kNotice,
  /// No more calls are taken; what has no end of its own ends.
  kClosing,
};

/// The streams of a server that have arrived and are not gone. Thread-safe.
class LiveStreams {
 public:
  void Add(const std::shared_ptr<StreamCall>& stream);
  void Remove(StreamCall* stream);

  int64_t count() const;
  DrainPhase drain_phase() const { return drain_phase_; }

  /// Lets every stream see the new phase.
  void Enter(DrainPhase phase);

 private:
  std::atomic<DrainPhase> drain_phase_ = DrainPhase::kServing;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<StreamCall*, std::weak_ptr<StreamCall>> streams_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace userclient::internal
