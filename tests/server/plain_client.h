#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "user/v1/user_service.grpc.pb.h"
#include "userclient/v1/error_details.pb.h"
#include "userclient/v1/health.pb.h"

namespace userclient::testing {

/// What a call brought back.
template <typename Response>
struct Outcome {
  grpc::Status status{};
  Response response{};
  std::multimap<std::string, std::string> headers{};
  std::multimap<std::string, std::string> trailers{};

  /// Empty if there is none.
  std::string trailer(const std::string& key) const {
    const auto found = trailers.find(key);
    return found != trailers.end() ? found->second : "";
  }
};

using MetadataList = std::vector<std::pair<std::string, std::string>>;

/// gRPC's own stub without any retries: what it sees is what the server did.
class PlainClient {
 public:
  explicit PlainClient(const std::string& address,
                       const std::shared_ptr<grpc::ChannelCredentials>& credentials = grpc::InsecureChannelCredentials()) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetString(GRPC_SSL_TARGET_NAME_OVERRIDE_ARG, "localhost");
    channel_ = grpc::CreateCustomChannel(address, credentials, arguments);
    stub_ = user::v1::UserService::NewStub(channel_);
  }

  Outcome<user::v1::GetUserResponse> GetUser(const std::string& user_id, const MetadataList& metadata = {},
                                             std::chrono::milliseconds timeout = std::chrono::seconds(30)) {
    user::v1::GetUserRequest request;
    request.set_user_id(user_id);
    return Call<user::v1::GetUserResponse>(
        metadata, timeout, [&](auto* context, auto* response) { return stub_->GetUser(context, request, response); });
  }

  Outcome<user::v1::ListUsersResponse> ListUsers(int page_size, const std::string& page_token = "") {
    user::v1::ListUsersRequest request;
    request.set_page_size(page_size);
    request.set_page_token(page_token);
    return Call<user::v1::ListUsersResponse>({}, std::chrono::seconds(30), [&](auto* context, auto* response) {
      return stub_->ListUsers(context, request, response);
    });
  }

  Outcome<user::v1::CreateUserResponse> CreateUser(const std::string& email, const std::string& display_name = "",
                                                   const std::string& idempotency_key = "") {
    user::v1::CreateUserRequest request;
    request.set_email(email);
    request.set_display_name(display_name);
    request.set_idempotency_key(idempotency_key);
    return Call<user::v1::CreateUserResponse>({}, std::chrono::seconds(30), [&](auto* context, auto* response) {
      return stub_->CreateUser(context, request, response);
    });
  }

  /// "SERVING", "NOT_SERVING", or the name of the code of a failed check.
  std::string Health(const std::string& service) {
    v1::HealthCheckRequest request;
    request.set_service(service);
    const auto outcome = CallByName<v1::HealthCheckRequest, v1::HealthCheckResponse>("/grpc.health.v1.Health/Check", request);
    if (!outcome.status.ok())
      return outcome.status.error_code() == grpc::StatusCode::NOT_FOUND ? "NOT_FOUND" : outcome.status.error_message();
    return outcome.response.status() == v1::HealthCheckResponse::SERVING_STATUS_SERVING ? "SERVING" : "NOT_SERVING";
  }

  template <typename Request, typename Response>
  Outcome<Response> CallByName(const std::string& method, const Request& request) {
    grpc::TemplatedGenericStub<Request, Response> stub(channel_);
    return Call<Response>({}, std::chrono::seconds(30), [&](auto* context, auto* response) {
      std::promise<grpc::Status> done;
      stub.UnaryCall(context, method, grpc::StubOptions(), &request, response,
                     [&done](grpc::Status status) { done.set_value(std::move(status)); });
      return done.get_future().get();
    });
  }

  /// A call that ends before its request has come.
  grpc::Status EndWithoutRequest(const std::string& method) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    grpc::CompletionQueue queue;
    const auto call = grpc::GenericStub(channel_).PrepareCall(&context, method, &queue);
    void* tag = nullptr;
    bool ok = false;
    call->StartCall(nullptr);
    queue.Next(&tag, &ok);
    call->WritesDone(nullptr);
    queue.Next(&tag, &ok);
    grpc::Status status;
    call->Finish(&status, nullptr);
    queue.Next(&tag, &ok);
    return status;
  }

  const std::shared_ptr<grpc::Channel>& channel() { return channel_; }
  user::v1::UserService::Stub& stub() { return *stub_; }

 private:
  template <typename Response, typename Function>
  Outcome<Response> Call(const MetadataList& metadata, std::chrono::milliseconds timeout, Function function) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + timeout);
    for (const auto& [key, value] : metadata) context.AddMetadata(key, value);
    Outcome<Response> outcome;
    outcome.status = function(&context, &outcome.response);
    for (const auto& [key, value] : context.GetServerInitialMetadata()) outcome.headers.emplace(Copy(key), Copy(value));
    for (const auto& [key, value] : context.GetServerTrailingMetadata()) outcome.trailers.emplace(Copy(key), Copy(value));
    return outcome;
  }

  static std::string Copy(const grpc::string_ref& text) { return std::string(text.data(), text.size()); }

  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<user::v1::UserService::Stub> stub_;
};

/// Field and description from the google.rpc.BadRequest in the details.
inline std::vector<std::pair<std::string, std::string>> ViolationsIn(const grpc::Status& status) {
  v1::RpcStatus details;
  details.ParseFromString(status.error_details());
  std::vector<std::pair<std::string, std::string>> violations;
  for (const google::protobuf::Any& detail : details.details()) {
    if (detail.type_url() != "type.googleapis.com/google.rpc.BadRequest") continue;
    v1::BadRequest bad_request;
    bad_request.ParseFromString(detail.value());
    for (const auto& violation : bad_request.field_violations())
      violations.emplace_back(violation.field(), violation.description());
  }
  return violations;
}

MATCHER(Succeeded, "succeeded") {
  *result_listener << "code " << arg.status.error_code() << ": " << arg.status.error_message();
  return arg.status.ok();
}

MATCHER_P(FailedWith, code, "failed with code " + std::to_string(code)) {
  *result_listener << "code " << arg.status.error_code() << ": " << arg.status.error_message();
  return arg.status.error_code() == code;
}

}  // namespace userclient::testing
