#pragma once

/// A UserService whose GetUser is a lambda of the test: for what no well-behaved server does.

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_context.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "user/v1/user_service.grpc.pb.h"

namespace userclient::testing {

class ScriptedService final : public user::v1::UserService::Service {
 public:
  using GetUserHandler =
      std::function<grpc::Status(grpc::ServerContext&, const user::v1::GetUserRequest&, user::v1::GetUserResponse&)>;

  explicit ScriptedService(GetUserHandler get_user) : get_user_(std::move(get_user)) {
    grpc::ServerBuilder builder;
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~ScriptedService() override { server_->Shutdown(); }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  int attempts() const { return attempts_; }

 private:
  grpc::Status GetUser(grpc::ServerContext* context, const user::v1::GetUserRequest* request,
                       user::v1::GetUserResponse* response) override {
    ++attempts_;
    return get_user_(*context, *request, *response);
  }

  GetUserHandler get_user_;
  std::atomic<int> attempts_ = 0;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace userclient::testing
