#include "userclient/user_client.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_format.h"
#include "call/client_core.h"
#include "transport/health_check.h"
#include "user/v1/user_service.grpc.pb.h"
#include "userclient/service_client.h"
#include "userclient/v1/health.pb.h"

namespace userclient {

using user::v1::CreateUserRequest;
using user::v1::CreateUserResponse;
using user::v1::GetUserRequest;
using user::v1::GetUserResponse;
using user::v1::ListUsersRequest;
using user::v1::ListUsersResponse;
using user::v1::UserService;

namespace {

const google::protobuf::ServiceDescriptor& Descriptor() {
  return *GetUserRequest::descriptor()->file()->FindServiceByName("UserService");
}

/// A random UUID (RFC 9562, version 4): the same user must not be created twice, whoever else is creating users.
std::string NewIdempotencyKey() {
  absl::BitGen random;
  const auto high = absl::Uniform<uint64_t>(random);
  const auto low = absl::Uniform<uint64_t>(random);
  return absl::StrFormat("%08x-%04x-4%03x-%04x-%012x", high >> 32, (high >> 16) & 0xffff, high & 0xfff,
                         0x8000 | ((low >> 48) & 0x3fff), low & 0xffff'ffff'ffff);
}

CreateUserRequest WithKey(CreateUserRequest request) {
  if (request.idempotency_key().empty()) request.set_idempotency_key(NewIdempotencyKey());
  return request;
}

}  // namespace

class UserClient::Impl {
 public:
  using Stub = UserService::StubInterface;

  explicit Impl(ServiceClient<UserService> service) : service_(std::move(service)) {}

  const ServiceClient<UserService> service_;
  const UnaryMethod<Stub, GetUserRequest, GetUserResponse> get_user_ = service_.Unary("GetUser", &Stub::GetUser);
  const UnaryMethod<Stub, ListUsersRequest, ListUsersResponse> list_users_ = service_.Unary("ListUsers", &Stub::ListUsers);
  const UnaryMethod<Stub, CreateUserRequest, CreateUserResponse> create_user_ = service_.Unary("CreateUser", &Stub::CreateUser);
  const int check_health_ = service_.core()->AddMethod("grpc.health.v1.Health", "Check");
};

absl::StatusOr<UserClient> UserClient::Create(const ClientOptions& options) {
  auto service = ServiceClient<UserService>::Create(options);
  if (!service.ok()) return service.status();
  return UserClient(std::make_shared<const Impl>(*std::move(service)));
}

absl::Status UserClient::CheckConfig(const ServiceConfig& config) { return internal::CheckConfigFor(config, Descriptor()); }

absl::StatusOr<GetUserResponse> UserClient::GetUser(const GetUserRequest& request, const CallOptions& options) const {
  return impl_->service_.Call(impl_->get_user_, request, options);
}

PendingCall<GetUserResponse> UserClient::GetUserAsync(GetUserRequest request, CallOptions options) const {
  return impl_->service_.Start(impl_->get_user_, std::move(request), std::move(options));
}

absl::StatusOr<ListUsersResponse> UserClient::ListUsers(const ListUsersRequest& request, const CallOptions& options) const {
  return impl_->service_.Call(impl_->list_users_, request, options);
}

PendingCall<ListUsersResponse> UserClient::ListUsersAsync(ListUsersRequest request, CallOptions options) const {
  return impl_->service_.Start(impl_->list_users_, std::move(request), std::move(options));
}

UserList UserClient::ListAllUsers(ListUsersRequest request, CallOptions options) const {
  return UserList(std::move(request), [client = *this, options = std::move(options)](const ListUsersRequest& page) {
    return client.ListUsers(page, options);
  });
}

absl::StatusOr<CreateUserResponse> UserClient::CreateUser(CreateUserRequest request, const CallOptions& options) const {
  return impl_->service_.Call(impl_->create_user_, WithKey(std::move(request)), options);
}

PendingCall<CreateUserResponse> UserClient::CreateUserAsync(CreateUserRequest request, CallOptions options) const {
  return impl_->service_.Start(impl_->create_user_, WithKey(std::move(request)), std::move(options));
}

bool UserClient::WaitReady(std::chrono::nanoseconds timeout) const { return impl_->service_.WaitReady(timeout); }

bool UserClient::Shutdown(std::chrono::nanoseconds timeout) const { return impl_->service_.Shutdown(timeout); }

absl::Status UserClient::Reload() const { return impl_->service_.Reload(); }

absl::Status UserClient::SetConfig(const ServiceConfig& config) const { return impl_->service_.SetConfig(config); }

absl::Status UserClient::OverrideCircuit(std::string_view compartment, CircuitOverride decision) const {
  return impl_->service_.OverrideCircuit(compartment, decision);
}

absl::StatusOr<ServingStatus> UserClient::CheckHealth(std::string_view service, const CallOptions& options) const {
  if (options.fallback) return absl::InvalidArgumentError("CallOptions.fallback: CheckHealth takes none, it asks the server");
  v1::HealthCheckRequest request;
  request.set_service(std::string(service));
  v1::HealthCheckResponse response;
  const absl::Status status =
      internal::CallBlocking(*impl_->service_.core(), impl_->check_health_, options,
                             [&](const internal::PooledChannel& channel, grpc::ClientContext& context) {
                               return internal::CheckHealthOnce(channel.channel, context, request, response);
                             });
  if (absl::IsNotFound(status)) return ServingStatus::kUnknown;
  if (!status.ok()) return status;
  switch (response.status()) {
    case v1::HealthCheckResponse::SERVING_STATUS_SERVING:
      return ServingStatus::kServing;
    case v1::HealthCheckResponse::SERVING_STATUS_NOT_SERVING:
      return ServingStatus::kNotServing;
    default:
      return ServingStatus::kUnknown;
  }
}

}  // namespace userclient
