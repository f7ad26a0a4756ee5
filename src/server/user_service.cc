#include "server/user_service.h"

namespace userclient::internal {

template <typename Request, typename Response>
UnaryCall::Handler UserServiceImpl::HandlerFor(absl::StatusOr<Response> (UserMethods::*method)(const Request&, Violations)
                                                   const) const {
  return [this, method](std::string_view bytes, std::string& out) -> absl::Status {
    Request request;
    Violations violations;
    if (absl::Status parsed = ParseRequest(bytes, request, violations); !parsed.ok()) return parsed;
    absl::StatusOr<Response> response = (methods_.*method)(request, std::move(violations));
    if (!response.ok()) return response.status();
    response->SerializeToString(&out);
    return absl::OkStatus();
  };
}

grpc::ServerUnaryReactor* UserServiceImpl::GetUser(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                                   grpc::ByteBuffer* response) {
  return UnaryCall::Start(environment_, "GetUser", context, request, response, HandlerFor(&UserMethods::GetUser));
}

grpc::ServerUnaryReactor* UserServiceImpl::ListUsers(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                                     grpc::ByteBuffer* response) {
  return UnaryCall::Start(environment_, "ListUsers", context, request, response, HandlerFor(&UserMethods::ListUsers));
}

grpc::ServerUnaryReactor* UserServiceImpl::CreateUser(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                                      grpc::ByteBuffer* response) {
  return UnaryCall::Start(environment_, "CreateUser", context, request, response, HandlerFor(&UserMethods::CreateUser));
}

}  // namespace userclient::internal
