#pragma once

#include <memory>

#include "server/live_streams.h"
#include "server/unary_call.h"
#include "server/user_feed.h"
#include "server/user_methods.h"
#include "user/v1/user_service.grpc.pb.h"

namespace userclient::internal {

/// All rpcs take bytes, so that a request with a broken string is answered by us and a fault can answer with no message at all.
using UserServiceBase =
    user::v1::UserService::WithRawCallbackMethod_GetUser<user::v1::UserService::WithRawCallbackMethod_ListUsers<
        user::v1::UserService::WithRawCallbackMethod_CreateUser<user::v1::UserService::WithRawCallbackMethod_StreamActivity<
            user::v1::UserService::WithRawCallbackMethod_BatchCreateUsers<user::v1::UserService::WithRawCallbackMethod_WatchUsers<
                user::v1::UserService::WithRawCallbackMethod_LookupUsers<user::v1::UserService::Service>>>>>>>;

/// user.v1.UserService.
class UserServiceImpl final : public UserServiceBase {
 public:
  /// The store and the environment outlive the service.
  UserServiceImpl(UserStore& store, std::shared_ptr<UserFeed> feed, std::shared_ptr<LiveStreams> live_streams,
                  CallEnvironment& environment);

  grpc::ServerUnaryReactor* GetUser(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListUsers(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* CreateUser(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* StreamActivity(grpc::CallbackServerContext* context,
                                                             const grpc::ByteBuffer* request) override;
  grpc::ServerReadReactor<grpc::ByteBuffer>* BatchCreateUsers(grpc::CallbackServerContext* context,
                                                              grpc::ByteBuffer* response) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchUsers(grpc::CallbackServerContext* context,
                                                         const grpc::ByteBuffer* request) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* LookupUsers(grpc::CallbackServerContext* context) override;

 private:
  template <typename Request, typename Response>
  UnaryCall::Handler HandlerFor(absl::StatusOr<Response> (UserMethods::*method)(const Request&, Violations) const) const;

  UserStore& store_;
  const std::shared_ptr<UserFeed> feed_;
  const std::shared_ptr<LiveStreams> live_streams_;
  const UserMethods methods_;
  CallEnvironment& environment_;
};

}  // namespace userclient::internal
