#pragma once

#include <google/protobuf/descriptor.h>
#include <grpcpp/client_context.h>

#include <climits>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "call/client_core.h"
#include "call/unary_call.h"

namespace userclient::internal {

/// A unary RPC of a generated stub: which method it is, and how the stub is asked for it. Made by ServiceClient::Unary.
template <class Stub, class Request, class Response>
struct UnaryMethod {
  int index;
  grpc::Status (Stub::*call)(grpc::ClientContext*, const Request&, Response*);
};

/// The typed face of the core for one generated service, for example `ServiceClient<user::v1::UserService>`. *Thread-safe.*
template <class Service>
class ServiceClient {
 public:
  using Stub = typename Service::StubInterface;

  /// *Errors:* as UserClient::Create.
  static absl::StatusOr<ServiceClient> Create(const ClientOptions& options, const google::protobuf::ServiceDescriptor& service) {
    const auto make_stub = [](const std::shared_ptr<grpc::Channel>& channel) -> std::shared_ptr<void> {
      return std::shared_ptr<Stub>(Service::NewStub(channel));
    };
    absl::StatusOr<std::unique_ptr<ClientCore>> core = ClientCore::Create(options, service, make_stub);
    if (!core.ok()) return core.status();
    return ServiceClient(*std::move(core));
  }

  /// Describes one RPC: `Unary("GetUser", &Stub::GetUser)`.
  template <class Request, class Response>
  UnaryMethod<Stub, Request, Response> Unary(std::string_view name,
                                             grpc::Status (Stub::*call)(grpc::ClientContext*, const Request&, Response*)) const {
    return {core_->IndexOf(name), call};
  }

  template <class Request, class Response>
  absl::StatusOr<Response> Call(const UnaryMethod<Stub, Request, Response>& method, const Request& request,
                                const CallOptions& options) const {
    // gRPC would fail here too, and leave its ClientContext in a state that ends the process when it is asked for metadata.
    if (request.ByteSizeLong() > INT_MAX)
      return absl::InvalidArgumentError("the request is larger than the 2 GiB that protobuf can send");
    Response response;
    const absl::Status status =
        UnaryCall(core_->plan(method.index), options, [&](const PooledChannel& channel, grpc::ClientContext& context) {
          return (static_cast<Stub*>(channel.stub.get())->*method.call)(&context, request, &response);
        });
    if (!status.ok()) return status;
    return response;
  }

  const ClientCore& core() const { return *core_; }

 private:
  explicit ServiceClient(std::unique_ptr<const ClientCore> core) : core_(std::move(core)) {}

  std::unique_ptr<const ClientCore> core_;
};

}  // namespace userclient::internal
