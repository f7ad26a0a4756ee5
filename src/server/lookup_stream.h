#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/stream_reactor.h"
#include "user/v1/user_service.pb.h"
#include "userclient/server/user_store.h"

namespace userclient::internal {

/// LookupUsers: takes requests while earlier ones are being answered, up to a number of unanswered ones, and answers in their
/// order.
class LookupStream final : public TakingStream<SendingStream<grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>>> {
 public:
  /// The store outlives the call.
  LookupStream(CallEnvironment& environment, std::shared_ptr<LiveStreams> live_streams, UserStore& store,
               grpc::CallbackServerContext* context);

 private:
  void Step() override;

  void TakeRequest(std::string_view bytes);
  /// Starts to look up what was taken.
  void LookUpTaken();
  /// Makes an answer of each that was found out about.
  void TakeAnswers(const absl::Status& status);
  size_t unanswered() const { return taken_.size() + looked_up_.size() + answers_.size() + (sending() ? 1 : 0); }

  UserStore& store_;
  std::vector<std::string> taken_;
  // Of the worker, while it works: what it looks up, and as many answers as it has.
  bool looking_up_ = false;
  std::vector<std::string> looked_up_;
  std::vector<user::v1::LookupUsersResponse> found_;

  std::deque<grpc::ByteBuffer> answers_;
  // With what the stream ends once everything before has been answered.
  absl::Status failure_;
};

}  // namespace userclient::internal
