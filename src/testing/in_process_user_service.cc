#include "userclient/testing/in_process_user_service.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/sync_stream.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "testing/status_details.h"
#include "user/v1/user_service.grpc.pb.h"

namespace userclient::testing {
namespace {

using grpc::ServerContext;
using internal::ServerStatus;

// The breakers are there to be opened by hand: two thousand million failures open none in a test.
constexpr char kServiceConfig[] = R"({
  "methodConfig": [{"name": [{"service": "user.v1.UserService"}], "timeout": "30s"}],
  "userclient": {
    "bulkheads": [
      {
        "name": "reads",
        "methods": [
          {"service": "user.v1.UserService", "method": "GetUser"},
          {"service": "user.v1.UserService", "method": "ListUsers"}
        ],
        "circuitBreaker": {"minimumCalls": 2147483647, "failureRatio": 1}
      },
      {
        "name": "writes",
        "methods": [{"service": "user.v1.UserService", "method": "CreateUser"}],
        "circuitBreaker": {"minimumCalls": 2147483647, "failureRatio": 1}
      },
      {
        "name": "streams",
        "methods": [
          {"service": "user.v1.UserService", "method": "StreamActivity"},
          {"service": "user.v1.UserService", "method": "BatchCreateUsers"},
          {"service": "user.v1.UserService", "method": "WatchUsers"},
          {"service": "user.v1.UserService", "method": "LookupUsers"}
        ],
        "circuitBreaker": {"minimumCalls": 2147483647, "failureRatio": 1}
      }
    ]
  }
})";

/// gRPC's blocking server can only be asked whether a call is cancelled.
constexpr std::chrono::milliseconds kCancelInterval{1};

[[noreturn]] void Abort(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::abort();
}

/// The call that this thread answers.
thread_local const ServerContext* present_call = nullptr;

class PresentCall {
 public:
  explicit PresentCall(const ServerContext* context) { present_call = context; }
  ~PresentCall() { present_call = nullptr; }
  PresentCall(const PresentCall&) = delete;
  PresentCall& operator=(const PresentCall&) = delete;
};

/// What `answer` returns, an absl::Status or an absl::StatusOr.
template <class Answer>
auto Guarded(const ServerContext* context, const char* method, const Answer& answer) -> decltype(answer()) {
  const PresentCall call(context);
  try {
    return answer();
  } catch (const std::exception& e) {
    return absl::InternalError(absl::StrCat(method, ": the handler threw: ", e.what()));
  } catch (...) {
    return absl::InternalError(absl::StrCat(method, ": the handler threw something that is no std::exception"));
  }
}

template <class Response>
grpc::Status Respond(absl::StatusOr<Response> answer, Response& response) {
  if (!answer.ok()) return ServerStatus(answer.status());
  response = *std::move(answer);
  return grpc::Status::OK;
}

template <class Message>
class GrpcStreamWriter final : public StreamWriter<Message> {
 public:
  explicit GrpcStreamWriter(grpc::ServerWriter<Message>& writer) : writer_(writer) {}
  bool Write(const Message& message) override { return writer_.Write(message); }

 private:
  grpc::ServerWriter<Message>& writer_;
};

class HandlerService final : public user::v1::UserService::Service {
 public:
  explicit HandlerService(UserServiceHandler& handler) : handler_(handler) {}

  grpc::Status GetUser(ServerContext* context, const user::v1::GetUserRequest* request,
                       user::v1::GetUserResponse* response) override {
    return Respond(Guarded(context, "GetUser", [&] { return handler_.GetUser(*request); }), *response);
  }

  grpc::Status ListUsers(ServerContext* context, const user::v1::ListUsersRequest* request,
                         user::v1::ListUsersResponse* response) override {
    return Respond(Guarded(context, "ListUsers", [&] { return handler_.ListUsers(*request); }), *response);
  }

  grpc::Status CreateUser(ServerContext* context, const user::v1::CreateUserRequest* request,
                          user::v1::CreateUserResponse* response) override {
    return Respond(Guarded(context, "CreateUser", [&] { return handler_.CreateUser(*request); }), *response);
  }

  grpc::Status BatchCreateUsers(ServerContext* context, grpc::ServerReader<user::v1::CreateUserRequest>* reader,
                                user::v1::BatchCreateUsersResponse* response) override {
    std::vector<user::v1::CreateUserRequest> users;
    for (user::v1::CreateUserRequest user; reader->Read(&user);) users.push_back(std::move(user));
    return Respond(Guarded(context, "BatchCreateUsers", [&] { return handler_.BatchCreateUsers(users); }), *response);
  }

  grpc::Status StreamActivity(ServerContext* context, const user::v1::StreamActivityRequest* request,
                              grpc::ServerWriter<user::v1::ActivityEvent>* writer) override {
    GrpcStreamWriter events(*writer);
    return ServerStatus(Guarded(context, "StreamActivity", [&] { return handler_.StreamActivity(*request, events); }));
  }

  grpc::Status WatchUsers(ServerContext* context, const user::v1::WatchUsersRequest* request,
                          grpc::ServerWriter<user::v1::WatchUsersResponse>* writer) override {
    GrpcStreamWriter changes(*writer);
    return ServerStatus(Guarded(context, "WatchUsers", [&] { return handler_.WatchUsers(*request, changes); }));
  }

  grpc::Status LookupUsers(
      ServerContext* context,
      grpc::ServerReaderWriter<user::v1::LookupUsersResponse, user::v1::LookupUsersRequest>* stream) override {
    for (user::v1::LookupUsersRequest request; stream->Read(&request);) {
      const absl::StatusOr<user::v1::LookupUsersResponse> answer =
          Guarded(context, "LookupUsers", [&] { return handler_.LookupUsers(request); });
      if (!answer.ok()) return ServerStatus(answer.status());
      if (!stream->Write(*answer)) break;
    }
    return grpc::Status::OK;
  }

 private:
  UserServiceHandler& handler_;
};

}  // namespace

absl::StatusOr<user::v1::GetUserResponse> UserServiceHandler::GetUser(const user::v1::GetUserRequest&) {
  return Unimplemented("GetUser");
}
absl::StatusOr<user::v1::ListUsersResponse> UserServiceHandler::ListUsers(const user::v1::ListUsersRequest&) {
  return Unimplemented("ListUsers");
}
absl::StatusOr<user::v1::CreateUserResponse> UserServiceHandler::CreateUser(const user::v1::CreateUserRequest&) {
  return Unimplemented("CreateUser");
}
absl::StatusOr<user::v1::BatchCreateUsersResponse> UserServiceHandler::BatchCreateUsers(
    const std::vector<user::v1::CreateUserRequest>&) {
  return Unimplemented("BatchCreateUsers");
}
absl::Status UserServiceHandler::StreamActivity(const user::v1::StreamActivityRequest&, StreamWriter<user::v1::ActivityEvent>&) {
  return Unimplemented("StreamActivity");
}
absl::Status UserServiceHandler::WatchUsers(const user::v1::WatchUsersRequest&, StreamWriter<user::v1::WatchUsersResponse>&) {
  return Unimplemented("WatchUsers");
}
absl::StatusOr<user::v1::LookupUsersResponse> UserServiceHandler::LookupUsers(const user::v1::LookupUsersRequest&) {
  return Unimplemented("LookupUsers");
}

absl::Status Unimplemented(std::string_view method) {
  return absl::UnimplementedError(absl::StrCat("nobody has said what ", std::string(method),
                                               " answers: expect it of the MockUserService with an action (",
                                               "EXPECT_CALL or ON_CALL), or override it in the UserServiceHandler"));
}

absl::Status AwaitCancelled() {
  if (present_call == nullptr) Abort("AwaitCancelled: this thread answers no call; it is for actions and handlers");
  while (!present_call->IsCancelled()) std::this_thread::sleep_for(kCancelInterval);
  return absl::CancelledError("the client has given up");
}

std::string_view InProcessServiceConfig() { return kServiceConfig; }

class InProcessUserService::Impl {
 public:
  explicit Impl(UserServiceHandler& handler) : server_(std::make_shared<Server>(handler)), client_(ConnectOrAbort()) {}

  ~Impl() { Stop(); }

  void Stop() {
    std::vector<UserClient> clients;
    {
      absl::MutexLock lock(&mutex_);
      stopped_ = true;
      clients.swap(clients_);
    }
    // A call over the in-process transport of a server that is shut down ends gRPC 1.51, so nobody may make one.
    for (const UserClient& client : clients) client.Shutdown(std::chrono::nanoseconds(0));
    server_->Shutdown();
  }

  const UserClient& client() const { return client_; }

  absl::StatusOr<UserClient> Connect(ClientOptions options) {
    if (options.channel_factory) {
      return absl::InvalidArgumentError("ClientOptions.channel_factory: must be absent; the service has one of its own");
    }
    if (HasStopped()) return Stopped();
    if (!options.service_config_file && !options.service_config_json) options.service_config_json = kServiceConfig;
    options.channel_factory = [server = server_](const grpc::ChannelArguments& arguments) { return server->Connect(arguments); };
    absl::StatusOr<UserClient> client = UserClient::Create(options);
    if (!client.ok()) return client;
    {
      absl::MutexLock lock(&mutex_);
      if (!stopped_) {
        clients_.push_back(*client);
        return client;
      }
    }
    client->Shutdown(std::chrono::nanoseconds(0));
    return Stopped();
  }

 private:
  /// Shared with its clients, who may ask for another channel at any time.
  class Server {
   public:
    explicit Server(UserServiceHandler& handler) : service_(handler) {
      grpc::ServerBuilder builder;
      builder.RegisterService(&service_);
      server_ = builder.BuildAndStart();
      if (server_ == nullptr) Abort("InProcessUserService: gRPC has started no server; its log says why");
    }

    std::shared_ptr<grpc::Channel> Connect(const grpc::ChannelArguments& arguments) {
      return server_->InProcessChannel(arguments);
    }
    void Shutdown() { server_->Shutdown(std::chrono::system_clock::now()); }

   private:
    HandlerService service_;
    std::unique_ptr<grpc::Server> server_;
  };

  static absl::Status Stopped() {
    return absl::FailedPreconditionError("InProcessUserService: it has been stopped, and takes no more clients");
  }

  bool HasStopped() {
    absl::MutexLock lock(&mutex_);
    return stopped_;
  }

  UserClient ConnectOrAbort() {
    absl::StatusOr<UserClient> client = Connect({});
    if (!client.ok()) Abort(absl::StrCat("InProcessUserService: ", client.status().ToString()));
    return *std::move(client);
  }

  absl::Mutex mutex_;
  /// All that were made, until it stops.
  std::vector<UserClient> clients_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  const std::shared_ptr<Server> server_;
  const UserClient client_;
};

InProcessUserService::InProcessUserService(UserServiceHandler& handler) : impl_(std::make_unique<Impl>(handler)) {}
InProcessUserService::~InProcessUserService() = default;

void InProcessUserService::Stop() { impl_->Stop(); }

UserClient InProcessUserService::client() const { return impl_->client(); }

absl::StatusOr<UserClient> InProcessUserService::NewClient(ClientOptions options) const {
  return impl_->Connect(std::move(options));
}

}  // namespace userclient::testing
