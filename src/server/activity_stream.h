#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "server/stream_reactor.h"
#include "userclient/server/user_store.h"

namespace userclient::internal {

/// StreamActivity: reads the log of a user page by page, each page when the one before has been sent.
class ActivityStream final : public SendingStream<grpc::ServerWriteReactor<grpc::ByteBuffer>> {
 public:
  /// The store outlives the call.
  ActivityStream(CallEnvironment& environment, std::shared_ptr<LiveStreams> live_streams, UserStore& store,
                 grpc::CallbackServerContext* context, std::optional<std::string> request);

 private:
  void Step() override;
  /// Makes the query of the request. *Errors:* INVALID_ARGUMENT.
  absl::Status Parse();
  absl::Status LoadPage();

  UserStore& store_;
  const std::optional<std::string> request_;
  bool parsed_ = false;
  ActivityQuery query_;
  // How many events are still wanted; absent: all.
  std::optional<int64_t> wanted_;
  ActivityPage page_{.more = true};
  size_t next_ = 0;
  bool loading_ = false;
};

}  // namespace userclient::internal
