#pragma once

#include "server/unary_call.h"
#include "server/user_methods.h"
#include "user/v1/user_service.grpc.pb.h"

namespace userclient::internal {

/// The unary rpcs take bytes, so that a request with a broken string is answered by us and a fault can answer with no message at
/// all. The streaming rpcs are those that the generated code answers: UNIMPLEMENTED.
using UserServiceBase =
    user::v1::UserService::WithRawCallbackMethod_GetUser<user::v1::UserService::WithRawCallbackMethod_ListUsers<
        user::v1::UserService::WithRawCallbackMethod_CreateUser<user::v1::UserService::WithCallbackMethod_StreamActivity<
            user::v1::UserService::WithCallbackMethod_BatchCreateUsers<user::v1::UserService::WithCallbackMethod_WatchUsers<
                user::v1::UserService::WithCallbackMethod_LookupUsers<user::v1::UserService::Service>>>>>>>;

/// user.v1.UserService.
class UserServiceImpl final : public UserServiceBase {
 public:
  /// Both outlive the service.
  UserServiceImpl(UserStore& store, CallEnvironment& environment) : methods_(store), environment_(environment) {}

  grpc::ServerUnaryReactor* GetUser(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListUsers(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* CreateUser(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;

 private:
  template <typename Request, typename Response>
  UnaryCall::Handler HandlerFor(absl::StatusOr<Response> (UserMethods::*method)(const Request&, Violations) const) const;

  const UserMethods methods_;
  CallEnvironment& environment_;
};

}  // namespace userclient::internal
