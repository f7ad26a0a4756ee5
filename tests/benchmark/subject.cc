#include "tests/benchmark/subject.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/benchmark/blocking_subject.h"
#include "user/v1/user_service.grpc.pb.h"
#include "userclient/user_client.h"

namespace userclient::benchmark {
namespace {

using user::v1::GetUserRequest;
using user::v1::GetUserResponse;
using user::v1::UserService;

/// As the built-in service config has them for GetUser.
constexpr auto kTimeout = std::chrono::seconds(5);
constexpr char kRetryPolicy[] =
    R"("retryPolicy": {"maxAttempts": 4, "initialBackoff": "0.05s", "maxBackoff": "1s", "backoffMultiplier": 2,
    "perAttemptRecvTimeout": "1s", "retryableStatusCodes": ["UNAVAILABLE", "DEADLINE_EXCEEDED"]})";

/// A user that `user_server --seed-users` makes.
GetUserRequest Request() {
  GetUserRequest request;
  request.set_user_id("u-1");
  return request;
}

std::unique_ptr<Subject> MakeStubSubject(const std::string& target, const grpc::ChannelArguments& arguments) {
  const std::shared_ptr<UserService::Stub> stub =
      UserService::NewStub(grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments));
  return std::make_unique<BlockingSubject>([stub, request = Request()] {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kTimeout);
    GetUserResponse response;
    const grpc::Status status = stub->GetUser(&context, request, &response);
    if (status.ok()) return absl::OkStatus();
    return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  });
}

/// gRPC's stub on a channel without gRPC's retry filter.
std::unique_ptr<Subject> MakeLightStubSubject(const std::string& target) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  return MakeStubSubject(target, arguments);
}

absl::StatusOr<std::unique_ptr<Subject>> MakeClientSubject(const std::string& target, std::optional<std::string> service_config) {
  absl::StatusOr<UserClient> client = UserClient::Create(
      {.target = target, .credentials = Credentials::Insecure(), .service_config_json = std::move(service_config)});
  if (!client.ok()) return client.status();
  return std::make_unique<BlockingSubject>(
      [client = *std::move(client), request = Request()] { return client.GetUser(request).status(); });
}

std::string ServiceConfigWith(std::string_view policy, int channels) {
  constexpr char kGetUser[] = R"({"service": "user.v1.UserService", "method": "GetUser"})";
  return absl::StrCat(R"({"methodConfig": [{"name": [)", kGetUser, R"(], "timeout": "5s")", policy.empty() ? "" : ", ",
                      std::string(policy), R"(}], "userclient": {"bulkheads": [{"name": "reads", "methods": [)", kGetUser,
                      R"(], "channels": )", channels, "}]}}");
}

}  // namespace

const std::vector<std::string_view>& SubjectNames() {
  static const auto& names = *new std::vector<std::string_view>{"raw", "raw-light", "sdk", "sdk-no-retries", "sdk-2-channels"};
  return names;
}

absl::StatusOr<std::unique_ptr<Subject>> MakeSubject(std::string_view name, const std::string& target) {
  if (name == "raw") return MakeStubSubject(target, {});
  if (name == "raw-light") return MakeLightStubSubject(target);
  if (name == "sdk") return MakeClientSubject(target, std::nullopt);
  if (name == "sdk-no-retries") return MakeClientSubject(target, ServiceConfigWith("", 1));
  if (name == "sdk-2-channels") return MakeClientSubject(target, ServiceConfigWith(kRetryPolicy, 2));
  return absl::InvalidArgumentError(absl::StrCat("there is no subject \"", std::string(name), "\""));
}

}  // namespace userclient::benchmark
