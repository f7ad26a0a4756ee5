#include "callers.h"

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string_view>
#include <utility>

#include "user/v1/user_service.grpc.pb.h"
#include "userclient/call_report.h"

namespace demo {
namespace {

using std::chrono::steady_clock;

constexpr char kServedBy[] = "x-served-by";

absl::Status FromGrpc(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

}  // namespace

Caller PlainStubCaller(const std::string& target, std::chrono::nanoseconds timeout) {
  grpc::ChannelArguments arguments;
  arguments.SetLoadBalancingPolicyName("round_robin");
  const std::shared_ptr<user::v1::UserService::Stub> stub =
      user::v1::UserService::NewStub(grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments));

  return [stub, timeout](const std::string& user_id) {
    user::v1::GetUserRequest request;
    request.set_user_id(user_id);
    user::v1::GetUserResponse response;
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::duration_cast<std::chrono::microseconds>(timeout));

    const steady_clock::time_point start = steady_clock::now();
    const absl::Status status = FromGrpc(stub->GetUser(&context, request, &response));
    Outcome outcome{.status = status, .duration = steady_clock::now() - start};
    outcome.attempts.push_back({.peer = context.peer(), .status = status});
    const auto& trailers = context.GetServerTrailingMetadata();
    if (const auto found = trailers.find(kServedBy); found != trailers.end()) {
      outcome.served_by.assign(found->second.data(), found->second.size());
    }
    return outcome;
  };
}

Caller UserClientCaller(userclient::UserClient client) {
  return [client = std::move(client)](const std::string& user_id) {
    user::v1::GetUserRequest request;
    request.set_user_id(user_id);
    userclient::ResponseMetadata metadata;
    userclient::CallReport report;

    const steady_clock::time_point start = steady_clock::now();
    const absl::Status status = client.GetUser(request, {.response_metadata = &metadata, .report = &report}).status();
    Outcome outcome{.status = status, .duration = steady_clock::now() - start};
    for (userclient::AttemptReport& attempt : report.attempts) {
      outcome.attempts.push_back({.peer = std::move(attempt.peer), .status = std::move(attempt.status)});
    }
    if (const auto found = metadata.trailing.find(kServedBy); found != metadata.trailing.end()) outcome.served_by = found->second;
    if (!status.ok()) outcome.gave_up_because = std::string(userclient::CallEndName(report.end));
    return outcome;
  };
}

}  // namespace demo
