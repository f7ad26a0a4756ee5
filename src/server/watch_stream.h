#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "server/stream_reactor.h"
#include "server/user_feed.h"

namespace userclient::internal {

/// WatchUsers: sends its position, then every change after it, each when the one before is out; and its position again when it
/// has been silent for the feed's heartbeat.
class WatchStream final : public SendingStream<grpc::ServerWriteReactor<grpc::ByteBuffer>> {
 public:
  WatchStream(CallEnvironment& environment, std::shared_ptr<LiveStreams> live_streams, std::shared_ptr<UserFeed> feed,
              grpc::CallbackServerContext* context, std::optional<std::string> request);

 private:
  enum class State { kArrived, kSubscribing, kWatching, kLoading };

  void Step() override;
  void OnEnd() override { feed_->Forget(this); }

  absl::Status Subscribe();
  void Watch();
  void SendEntry(const UserFeed::Entry& entry);
  void SendPosition();

  const std::shared_ptr<UserFeed> feed_;
  const std::optional<std::string> request_;

  State state_ = State::kArrived;
  std::unique_ptr<UserFeed::Subscription> subscription_;
  bool greeted_ = false;
  // Everything up to here has been sent.
  int64_t position_ = 0;
  std::chrono::steady_clock::time_point last_sent_;
  // Read from the store, to be sent.
  std::deque<UserFeed::Entry> loaded_;
};

}  // namespace userclient::internal
