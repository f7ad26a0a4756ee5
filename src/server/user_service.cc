#include "server/user_service.h"

#include <optional>
#include <string>
#include <utility>

#include "server/activity_stream.h"
#include "server/batch_create_call.h"
#include "server/lookup_stream.h"
#include "server/watch_stream.h"

namespace userclient::internal {

UserServiceImpl::UserServiceImpl(UserStore& store, std::shared_ptr<UserFeed> feed, std::shared_ptr<LiveStreams> live_streams,
                                 CallEnvironment& environment)
    : store_(store),
      feed_(std::move(feed)),
      live_streams_(std::move(live_streams)),
      methods_(store, *feed_),
      environment_(environment) {}

template <typename Request, typename Response>
UnaryCall::Handler UserServiceImpl::HandlerFor(absl::StatusOr<Response> (UserMethods::*method)(const Request&, Violations)
                                                   const) const {
  return [this, method](std::optional<std::string_view> bytes, std::string& out) -> absl::Status {
    Request request;
    Violations violations;
    if (absl::Status parsed = ParseRequest(bytes, request, violations); !parsed.ok()) return parsed;
    absl::StatusOr<Response> response = (methods_.*method)(request, std::move(violations));
    if (!response.ok()) return response.status();
    if (!response->SerializeToString(&out)) return absl::InternalError("the answer is too large for a message");
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

grpc::ServerWriteReactor<grpc::ByteBuffer>* UserServiceImpl::StreamActivity(grpc::CallbackServerContext* context,
                                                                            const grpc::ByteBuffer* request) {
  const std::optional<std::string> bytes = ContentOf(*request);
  return BeginStream<ActivityStream>(bytes.value_or(""), environment_, live_streams_, store_, context, bytes);
}

grpc::ServerReadReactor<grpc::ByteBuffer>* UserServiceImpl::BatchCreateUsers(grpc::CallbackServerContext* context,
                                                                             grpc::ByteBuffer* response) {
  return BeginStream<BatchCreateCall>("", environment_, live_streams_, store_, feed_, context, response);
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* UserServiceImpl::WatchUsers(grpc::CallbackServerContext* context,
                                                                        const grpc::ByteBuffer* request) {
  const std::optional<std::string> bytes = ContentOf(*request);
  return BeginStream<WatchStream>(bytes.value_or(""), environment_, live_streams_, feed_, context, bytes);
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* UserServiceImpl::LookupUsers(grpc::CallbackServerContext* context) {
  return BeginStream<LookupStream>("", environment_, live_streams_, store_, context);
}

}  // namespace userclient::internal
