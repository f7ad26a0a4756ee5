#include "servers.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace demo {
namespace {

constexpr std::chrono::seconds kTimeout(5);

absl::Status FromGrpc(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

}  // namespace

absl::StatusOr<Server> Server::Parse(std::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(std::string(text), ',');
  if (parts.size() != 3 || parts[0].empty() || parts[1].empty() || parts[2].empty()) {
    return absl::InvalidArgumentError(absl::StrCat("\"", std::string(text), "\" is not NAME,HOST:PORT,HOST:ADMIN_PORT"));
  }
  return Server(parts[0], "ipv4:" + parts[1], parts[2]);
}

Server::Server(std::string name, std::string peer, const std::string& admin_address)
    : name_(std::move(name)),
      peer_(std::move(peer)),
      faults_(userclient::v1::FaultService::NewStub(grpc::CreateChannel(admin_address, grpc::InsecureChannelCredentials()))) {}

absl::Status Server::ResetCounters() const {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kTimeout);
  userclient::v1::ResetCountersResponse response;
  return FromGrpc(faults_->ResetCounters(&context, {}, &response));
}

absl::StatusOr<int64_t> Server::CountAttempts() const {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kTimeout);
  userclient::v1::GetCountersResponse response;
  if (absl::Status status = FromGrpc(faults_->GetCounters(&context, {}, &response)); !status.ok()) return status;
  for (const userclient::v1::MethodCounters& method : response.methods()) {
    if (method.method() == "GetUser") return method.attempts();
  }
  return 0;
}

}  // namespace demo
