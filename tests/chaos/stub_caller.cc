#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <fstream>
#include <iterator>
#include <utility>

#include "nlohmann/json.hpp"
#include "tests/chaos/caller.h"
#include "user/v1/user_service.grpc.pb.h"

namespace userclient::chaos {
namespace {

absl::Status FromGrpc(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

/// What gRPC is given of a config: all but the timeouts, which it executes seconds too early.
std::string WithoutTimeouts(const std::string& service_config) {
  nlohmann::json config = nlohmann::json::parse(service_config);
  for (nlohmann::json& method : config.at("methodConfig")) method.erase("timeout");
  return config.dump();
}

std::shared_ptr<grpc::ChannelCredentials> CredentialsFor(const Reach& reach) {
  if (!reach.root_certificates) return grpc::InsecureChannelCredentials();
  std::ifstream file(*reach.root_certificates);
  return grpc::SslCredentials({.pem_root_certs = {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()}});
}

std::shared_ptr<grpc::Channel> Connect(const Reach& reach, const std::optional<std::string>& service_config) {
  grpc::ChannelArguments arguments;
  if (service_config) {
    arguments.SetServiceConfigJSON(WithoutTimeouts(*service_config));
    arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  }
  return grpc::CreateCustomChannel(reach.target, CredentialsFor(reach), arguments);
}

void SetTimeout(grpc::ClientContext& context, Caller::Timeout timeout) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::ceil<std::chrono::microseconds>(timeout));
}

/// What a call needs until it has ended.
template <class Request, class Response>
struct Call {
  grpc::ClientContext context;
  Request request;
  Response response;
};

class StubCaller final : public Caller {
 public:
  explicit StubCaller(const std::shared_ptr<grpc::Channel>& channel) : stub_(user::v1::UserService::NewStub(channel)) {}

  void GetUser(const user::v1::GetUserRequest& request, Timeout timeout, std::function<void(const absl::Status&)> done) override {
    auto call = std::make_shared<Call<user::v1::GetUserRequest, user::v1::GetUserResponse>>();
    call->request = request;
    SetTimeout(call->context, timeout);
    stub_->async()->GetUser(&call->context, &call->request, &call->response,
                            [call, done = std::move(done)](const grpc::Status& status) { done(FromGrpc(status)); });
  }

  absl::Status GetUserBlocking(const user::v1::GetUserRequest& request, Timeout timeout) override {
    grpc::ClientContext context;
    SetTimeout(context, timeout);
    user::v1::GetUserResponse response;
    return FromGrpc(stub_->GetUser(&context, request, &response));
  }

  void CreateUser(const user::v1::CreateUserRequest& request, Timeout timeout,
                  std::function<void(const absl::StatusOr<user::v1::CreateUserResponse>&)> done) override {
    auto call = std::make_shared<Call<user::v1::CreateUserRequest, user::v1::CreateUserResponse>>();
    call->request = request;
    SetTimeout(call->context, timeout);
    stub_->async()->CreateUser(&call->context, &call->request, &call->response,
                               [call, done = std::move(done)](const grpc::Status& status) {
                                 if (status.ok()) return done(std::move(call->response));
                                 done(FromGrpc(status));
                               });
  }

  absl::Status StreamActivity(const user::v1::StreamActivityRequest& request, const std::stop_token& over,
                              const Take<user::v1::ActivityEvent>& take) override {
    grpc::ClientContext context;
    const std::stop_callback cancel(over, [&] { context.TryCancel(); });
    const auto reader = stub_->StreamActivity(&context, request);
    user::v1::ActivityEvent event;
    while (reader->Read(&event)) take(event);
    return FromGrpc(reader->Finish());
  }

  absl::Status WatchUsers(const std::stop_token& over, const std::function<void()>& started,
                          const Take<user::v1::WatchUsersResponse>& take) override {
    grpc::ClientContext context;
    const std::stop_callback cancel(over, [&] { context.TryCancel(); });
    const auto reader = stub_->WatchUsers(&context, {});
    user::v1::WatchUsersResponse change;
    // The first message is only the position.
    if (reader->Read(&change)) started();
    while (reader->Read(&change)) {
      if (change.has_user()) take(change);
    }
    return FromGrpc(reader->Finish());
  }

 private:
  std::unique_ptr<user::v1::UserService::Stub> stub_;
};

}  // namespace

std::unique_ptr<Caller> MakeStubCaller(const Reach& reach, const std::optional<std::string>& service_config) {
  return std::make_unique<StubCaller>(Connect(reach, service_config));
}

}  // namespace userclient::chaos
