#include "tests/benchmark/subject.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "src/config/default_service_config.h"
#include "tests/benchmark/async_subject.h"
#include "tests/benchmark/blocking_subject.h"
#include "tests/benchmark/stream_subject.h"
#include "user/v1/user_service.grpc.pb.h"
#include "userclient/user_client.h"

namespace userclient::benchmark {
namespace {

using user::v1::GetUserRequest;
using user::v1::GetUserResponse;
using user::v1::UserService;

using SubjectOr = absl::StatusOr<std::unique_ptr<Subject>>;

/// As the built-in service config has it for GetUser.
constexpr auto kTimeout = std::chrono::seconds(5);

/// A user that `user_server --seed-users` makes.
GetUserRequest Request() {
  GetUserRequest request;
  request.set_user_id("u-1");
  return request;
}

absl::Status ToStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

/// Channel arguments as no program without the SDK has to know them.
grpc::ChannelArguments Default() { return {}; }

grpc::ChannelArguments WithoutRetryFilter() {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  return arguments;
}

std::shared_ptr<UserService::Stub> MakeStub(const std::string& target, const grpc::ChannelArguments& arguments) {
  return UserService::NewStub(grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments));
}

SubjectOr MakeBlockingStub(const std::string& target, const grpc::ChannelArguments& arguments) {
  return std::make_unique<BlockingSubject>([stub = MakeStub(target, arguments), request = Request()] {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kTimeout);
    GetUserResponse response;
    return ToStatus(stub->GetUser(&context, request, &response));
  });
}

SubjectOr MakeCallbackStub(const std::string& target, const grpc::ChannelArguments& arguments) {
  /// What has to outlive the function that starts a call.
  struct Call {
    grpc::ClientContext context{};
    GetUserRequest request{};
    GetUserResponse response{};
    AsyncSubject::Caller* caller = nullptr;
  };
  return std::make_unique<AsyncSubject>([stub = MakeStub(target, arguments), request = Request()](AsyncSubject::Caller& caller) {
    auto* const call = new Call{.request = request, .caller = &caller};
    call->context.set_deadline(std::chrono::system_clock::now() + kTimeout);
    stub->async()->GetUser(&call->context, &call->request, &call->response, [call](const grpc::Status& status) {
      const std::unique_ptr<Call> ended(call);
      ended->caller->OnDone(ToStatus(status));
    });
  });
}

absl::StatusOr<UserClient> MakeClient(const std::string& target, std::optional<std::string> service_config) {
  return UserClient::Create(
      {.target = target, .credentials = Credentials::Insecure(), .service_config_json = std::move(service_config)});
}

SubjectOr MakeBlockingClient(const std::string& target, std::optional<std::string> service_config) {
  absl::StatusOr<UserClient> client = MakeClient(target, std::move(service_config));
  if (!client.ok()) return client.status();
  return std::make_unique<BlockingSubject>(
      [client = *std::move(client), request = Request()] { return client.GetUser(request).status(); });
}

SubjectOr MakeCallbackClient(const std::string& target, std::optional<std::string> service_config) {
  absl::StatusOr<UserClient> client = MakeClient(target, std::move(service_config));
  if (!client.ok()) return client.status();
  return std::make_unique<AsyncSubject>([client = *std::move(client), request = Request()](AsyncSubject::Caller& caller) {
    client.GetUserAsync(request).Then([&caller](const absl::StatusOr<GetUserResponse>& user) { caller.OnDone(user.status()); });
  });
}

constexpr auto kBuiltIn = std::nullopt;

/// The built-in service config with this many connections for reads, never more.
std::string BuiltInWith(int channels) {
  auto config = nlohmann::json::parse(internal::kDefaultServiceConfig);
  for (auto& bulkhead : config.at("userclient").at("bulkheads")) {
    bulkhead["channels"] = channels;
    bulkhead["maxChannels"] = channels;
  }
  return config.dump();
}

/// The same without retryPolicy.
std::string WithoutRetries() {
  auto config = nlohmann::json::parse(BuiltInWith(1));
  for (auto& method : config.at("methodConfig")) method.erase("retryPolicy");
  return config.dump();
}

struct NamedSubject {
  std::string_view name;
  SubjectOr (*make)(const std::string& target);
};

constexpr NamedSubject kSubjects[] = {
    {"raw", [](auto& target) { return MakeBlockingStub(target, Default()); }},
    {"raw-light", [](auto& target) { return MakeBlockingStub(target, WithoutRetryFilter()); }},
    {"sdk", [](auto& target) { return MakeBlockingClient(target, BuiltInWith(1)); }},
    {"sdk-no-retries", [](auto& target) { return MakeBlockingClient(target, WithoutRetries()); }},
    {"sdk-2-channels", [](auto& target) { return MakeBlockingClient(target, BuiltInWith(2)); }},
    {"sdk-pool", [](auto& target) { return MakeBlockingClient(target, kBuiltIn); }},
    {"raw-callback", [](auto& target) { return MakeCallbackStub(target, Default()); }},
    {"raw-callback-light", [](auto& target) { return MakeCallbackStub(target, WithoutRetryFilter()); }},
    {"sdk-callback", [](auto& target) { return MakeCallbackClient(target, BuiltInWith(1)); }},
    {"sdk-callback-pool", [](auto& target) { return MakeCallbackClient(target, kBuiltIn); }},
    {"raw-stream", [](auto& target) -> SubjectOr { return ReadByStub(target); }},
    {"raw-stream-callback", [](auto& target) -> SubjectOr { return ReadByStubCallback(target); }},
    {"sdk-stream", [](auto& target) { return ReadByClient(target, BuiltInWith(1)); }},
    {"sdk-stream-async", [](auto& target) { return ReadByClientAsync(target, BuiltInWith(1)); }},
};

}  // namespace

absl::StatusOr<std::unique_ptr<Subject>> MakeSubject(std::string_view name, const std::string& target) {
  for (const NamedSubject& subject : kSubjects) {
    if (subject.name == name) return subject.make(target);
  }
  return absl::InvalidArgumentError(absl::StrCat("there is no subject \"", std::string(name), "\""));
}

}  // namespace userclient::benchmark
