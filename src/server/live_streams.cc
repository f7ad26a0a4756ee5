#include "server/live_streams.h"

#include <utility>
#include <vector>

#include "server/stream_call.h"

namespace userclient::internal {

void LiveStreams::Add(const std::shared_ptr<StreamCall>& stream) {
  absl::MutexLock lock(&mutex_);
  streams_.emplace(stream.get(), stream);
}

void LiveStreams::Remove(StreamCall* stream) {
  absl::MutexLock lock(&mutex_);
  streams_.erase(stream);
}

int64_t LiveStreams::count() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int64_t>(streams_.size());
}

void LiveStreams::Enter(DrainPhase phase) {
  drain_phase_ = phase;
  std::vector<std::shared_ptr<StreamCall>> streams;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [unused, stream] : streams_) {
      if (std::shared_ptr<StreamCall> alive = stream.lock()) streams.push_back(std::move(alive));
    }
  }
  for (const std::shared_ptr<StreamCall>& stream : streams) stream->Turn();
}

}  // namespace userclient::internal
