#pragma once

#include <memory>
#include <utility>

#include "user/v1/user_service.pb.h"
#include "userclient/internal/read_stream.h"
#include "userclient/user_watch.h"

namespace userclient {

struct UserWatch::State {
  using Stream = internal::ReadStream<user::v1::WatchUsersRequest, Change>;

  explicit State(std::shared_ptr<Stream> open) : stream(std::move(open)) { stream->TrackPosition(); }

  const std::shared_ptr<Stream> stream;
};

/// How a watch goes on.
StreamProgress AdvanceWatch(user::v1::WatchUsersRequest& request, const user::v1::WatchUsersResponse& message);

}  // namespace userclient
