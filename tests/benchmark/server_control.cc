#include "tests/benchmark/server_control.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <thread>

#include "absl/strings/str_cat.h"

namespace userclient::benchmark {
namespace {

grpc::ChannelArguments OnAConnectionOfItsOwn() {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return arguments;
}

}  // namespace

ServerControl::ServerControl(const std::string& target)
    : stub_(user::v1::UserService::NewStub(grpc::CreateCustomChannel(
          target.substr(0, target.find(',')), grpc::InsecureChannelCredentials(), OnAConnectionOfItsOwn()))) {}

absl::StatusOr<int64_t> ServerControl::Ask(const std::string& user_id) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(1));
  user::v1::GetUserRequest request;
  request.set_user_id(user_id);
  user::v1::GetUserResponse response;
  const grpc::Status status = stub_->GetUser(&context, request, &response);
  if (!status.ok()) {
    return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                        absl::StrCat("asked for ", user_id, ", the server says: ", status.error_message()));
  }
  return response.created_at_unix();
}

absl::Status ServerControl::AwaitWaiting(int64_t count, std::chrono::seconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (true) {
    const absl::StatusOr<int64_t> waiting = Waiting();
    if (!waiting.ok()) return waiting.status();
    if (*waiting >= count) return absl::OkStatus();
    if (std::chrono::steady_clock::now() > end) {
      return absl::DeadlineExceededError(absl::StrCat("only ", *waiting, " of ", count, " calls have reached the server"));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace userclient::benchmark
