#include "userclient/user_client.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "batch_create.h"
#include "call/client_core.h"
#include "idempotency_key.h"
#include "transport/health_check.h"
#include "user/v1/user_service.grpc.pb.h"
#include "user_lookup.h"
#include "user_watch.h"
#include "userclient/service_client.h"
#include "userclient/v1/health.pb.h"

namespace userclient {

using user::v1::ActivityEvent;
using user::v1::BatchCreateUsersResponse;
using user::v1::CreateUserRequest;
using user::v1::CreateUserResponse;
using user::v1::GetUserRequest;
using user::v1::GetUserResponse;
using user::v1::ListUsersRequest;
using user::v1::ListUsersResponse;
using user::v1::LookupUsersRequest;
using user::v1::LookupUsersResponse;
using user::v1::StreamActivityRequest;
using user::v1::UserService;
using user::v1::WatchUsersRequest;
using user::v1::WatchUsersResponse;

namespace {

/// Four of the heartbeats that the contract promises.
constexpr std::chrono::seconds kWatchIdleTimeout(20);
/// Much longer than a healthy server takes for the 64 lookups that it may owe.
constexpr std::chrono::seconds kLookupIdleTimeout(10);

StreamProgress AdvanceActivity(StreamActivityRequest& request, const ActivityEvent& event) {
  request.set_after_event_id(event.event_id());
  // 0 asks for all events, so the last one that was asked for must not be counted down.
  if (request.limit() == 1) return StreamProgress::kLastMessage;
  if (request.limit() > 1) request.set_limit(request.limit() - 1);
  return StreamProgress::kMessage;
}

const google::protobuf::ServiceDescriptor& Descriptor() {
  return *GetUserRequest::descriptor()->file()->FindServiceByName("UserService");
}

CreateUserRequest WithKey(CreateUserRequest request) {
  if (request.idempotency_key().empty()) request.set_idempotency_key(internal::NewIdempotencyKey());
  return request;
}

}  // namespace

class UserClient::Impl {
 public:
  using Stub = UserService::StubInterface;

  explicit Impl(ServiceClient<UserService> service) : service_(std::move(service)) {}

  internal::SendChunk SendChunk() const {
    return [service = service_, method = batch_create_users_](std::vector<CreateUserRequest> chunk, const CallOptions& options) {
      return service.StartBatch(method, std::move(chunk), options);
    };
  }

  const ServiceClient<UserService> service_;
  const UnaryMethod<Stub, GetUserRequest, GetUserResponse> get_user_ = service_.Unary("GetUser", &Stub::GetUser);
  const UnaryMethod<Stub, ListUsersRequest, ListUsersResponse> list_users_ = service_.Unary("ListUsers", &Stub::ListUsers);
  const UnaryMethod<Stub, CreateUserRequest, CreateUserResponse> create_user_ = service_.Unary("CreateUser", &Stub::CreateUser);
  const ClientStreamMethod<Stub, CreateUserRequest, BatchCreateUsersResponse> batch_create_users_ =
      service_.ClientStream("BatchCreateUsers", &Stub::BatchCreateUsers);
  const ServerStreamMethod<Stub, StreamActivityRequest, ActivityEvent> stream_activity_ =
      service_.ServerStream<StreamActivityRequest, ActivityEvent>("StreamActivity", &Stub::StreamActivity,
                                                                  {.advance = AdvanceActivity});
  const ServerStreamMethod<Stub, WatchUsersRequest, WatchUsersResponse> watch_users_ =
      service_.ServerStream<WatchUsersRequest, WatchUsersResponse>(
          "WatchUsers", &Stub::WatchUsers, {.advance = AdvanceWatch, .endless = true, .idle_timeout = kWatchIdleTimeout});
  const BidiStreamMethod<Stub, LookupUsersRequest, LookupUsersResponse> lookup_users_ =
      service_.BidiStream<LookupUsersRequest, LookupUsersResponse>(
          "LookupUsers", &Stub::LookupUsers, {.answers = AnswersLookup, .idle_timeout = kLookupIdleTimeout});
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

absl::StatusOr<BatchResult> UserClient::CreateBatch(const internal::NextItem& next, const BatchOptions& batch,
                                                    const CallOptions& options) const {
  return internal::CreateBatch(next, batch, options, impl_->SendChunk());
}

PendingCall<BatchResult> UserClient::BatchCreateUsersAsync(std::vector<CreateUserRequest> users, BatchOptions batch,
                                                           CallOptions options) const {
  return internal::CreateBatchAsync(std::move(users), std::move(batch), std::move(options), impl_->SendChunk());
}

ClientSnapshot UserClient::Snapshot() const { return impl_->service_.Snapshot(); }

bool UserClient::WaitReady(std::chrono::nanoseconds timeout) const { return impl_->service_.WaitReady(timeout); }

bool UserClient::Shutdown(std::chrono::nanoseconds timeout) const { return impl_->service_.Shutdown(timeout); }

MessageStream<ActivityEvent> UserClient::StreamActivity(StreamActivityRequest request, CallOptions options) const {
  return impl_->service_.Open(impl_->stream_activity_, std::move(request), std::move(options));
}

UserWatch UserClient::WatchUsers(WatchUsersRequest request, CallOptions options) const {
  return UserWatch(
      std::make_shared<UserWatch::State>(impl_->service_.Read(impl_->watch_users_, std::move(request), std::move(options))));
}

UserLookup UserClient::LookupUsers(CallOptions options) const {
  return UserLookup(std::make_unique<const UserLookup::State>(
      UserLookup::State{impl_->service_.Converse(impl_->lookup_users_, std::move(options))}));
}

absl::StatusOr<std::vector<LookupUsersResponse>> UserClient::LookupUsers(const std::vector<std::string>& user_ids,
                                                                         const CallOptions& options) const {
  ConversationLimits limits;
  limits.max_waiting = std::max(limits.max_waiting, user_ids.size());
  return LookUpAll(UserLookup(std::make_unique<const UserLookup::State>(
                       UserLookup::State{impl_->service_.ConverseOnce(impl_->lookup_users_, options, limits)})),
                   user_ids);
}

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
