#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/stream_reactor.h"
#include "server/user_feed.h"
#include "user/v1/user_service.pb.h"
#include "userclient/server/user_store.h"

namespace userclient::internal {

/// BatchCreateUsers: takes item after item, and while the store writes some, takes the next, so that many share one transaction.
class BatchCreateCall final : public TakingStream<StreamReactor<grpc::ServerReadReactor<grpc::ByteBuffer>>> {
 public:
  /// The store outlives the call.
  BatchCreateCall(CallEnvironment& environment, std::shared_ptr<LiveStreams> live_streams, UserStore& store,
                  std::shared_ptr<UserFeed> feed, grpc::CallbackServerContext* context, grpc::ByteBuffer* response);

 private:
  struct Items {
    std::vector<int64_t> indexes;
    std::vector<NewUser> users;
  };

  void Step() override;
  void SendGarbage() override { *response_ = GarbageBuffer(); }

  bool MayTakeMore();
  void TakeItem(std::string_view bytes);
  void CreateTaken();
  void NoteOutcomes();
  void AddFailure(int64_t index, const std::string& idempotency_key, const absl::Status& status);
  void Answer();

  UserStore& store_;
  const std::shared_ptr<UserFeed> feed_;
  grpc::ByteBuffer* const response_;

  int64_t items_ = 0;
  Items taken_;
  // Of the worker, while it works.
  bool creating_ = false;
  Items being_created_;
  std::vector<absl::StatusOr<user::v1::User>> outcomes_;

  user::v1::BatchCreateUsersResponse answer_;
};

}  // namespace userclient::internal
