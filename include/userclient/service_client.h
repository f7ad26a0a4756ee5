#pragma once

/// Wraps any generated stub with everything that userclient does for a call. UserClient is made of it; here is how to make your
/// own:
///
///   class OrderClient {
///    public:
///     using Stub = orders::v1::OrderService::StubInterface;
///     static absl::StatusOr<OrderClient> Create(userclient::ClientOptions options) {
///       auto service = userclient::ServiceClient<orders::v1::OrderService>::Create(std::move(options));
///       if (!service.ok()) return service.status();
///       return OrderClient(*std::move(service));
///     }
///     absl::StatusOr<GetOrderResponse> GetOrder(const GetOrderRequest& request, const userclient::CallOptions& options = {})
///     const {
///       return service_.Call(get_order_, request, options);
///     }
///    private:
///     explicit OrderClient(userclient::ServiceClient<orders::v1::OrderService> service) : service_(std::move(service)) {}
///     userclient::ServiceClient<orders::v1::OrderService> service_;
///     userclient::UnaryMethod<Stub, GetOrderRequest, GetOrderResponse> get_order_ =
///         service_.Unary("GetOrder", &Stub::GetOrder);
///   };

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/stub_options.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "userclient/call_options.h"
#include "userclient/client_options.h"
#include "userclient/client_snapshot.h"
#include "userclient/conversation.h"
#include "userclient/internal/ask_stream.h"
#include "userclient/internal/call_engine.h"
#include "userclient/internal/client_stream_call.h"
#include "userclient/internal/read_stream.h"
#include "userclient/internal/received.h"
#include "userclient/internal/request_size.h"
#include "userclient/internal/stream_queue.h"
#include "userclient/message_stream.h"
#include "userclient/pending_call.h"

namespace userclient {

/// One unary RPC of a generated stub: which method it is, and how the stub is asked for it. Made by ServiceClient::Unary.
template <class Stub, class Request, class Response>
struct UnaryMethod {
  using Blocking = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

  int index;
  Blocking blocking;
};

/// One client-streaming RPC of a generated stub. Made by ServiceClient::ClientStream.
template <class Stub, class Request, class Response>
struct ClientStreamMethod {
  int index;
};

/// How a server stream without side effects goes on when its connection breaks, or its server dies.
template <class Request, class Response>
struct StreamRules {
  /// Changes a request so that it asks for what comes after a message. Null: the stream is only retried before its first message,
  /// as gRFC A6 allows.
  StreamProgress (*advance)(Request& request, const Response& message) = nullptr;
  /// It lives until it is cancelled, or the server says that it cannot be. The method's timeout is that of one attempt, after
  /// which it is resumed. Needs `advance`.
  bool endless = false;
  /// A server that sends nothing for this long is given up, and the stream resumed elsewhere. Absent: it may be silent until the
  /// deadline.
  std::optional<std::chrono::nanoseconds> idle_timeout{};
};

/// One server-streaming RPC of a generated stub. Made by ServiceClient::ServerStream.
template <class Stub, class Request, class Response>
struct ServerStreamMethod {
  using Open = std::unique_ptr<grpc::ClientReaderInterface<Response>> (Stub::*)(grpc::ClientContext*, const Request&);

  int index;
  StreamRules<Request, Response> rules;
};

/// One bidirectional RPC of a generated stub that answers every message with one. Made by ServiceClient::BidiStream.
template <class Stub, class Request, class Response>
struct BidiStreamMethod {
  int index;
  ConversationRules<Request, Response> rules;
};

namespace internal {

/// The typed end of one asynchronous unary call.
template <class Request, class Response>
class StubCall final : public TypedCall {
 public:
  /// `path` is the core's, and lives as long as the call does.
  StubCall(const std::string& path, Request request, std::shared_ptr<PendingState<Response>> state)
      : path_(path), request_(std::move(request)), state_(std::move(state)) {}

  void Start(int number, const PooledChannel& channel, grpc::ClientContext& context,
             std::function<void(grpc::Status)> done) override {
    Received<Response>* received = &At(number);
    // An attempt may be made once more with another token.
    received->arrived = false;
    grpc::TemplatedGenericStub<Request, Received<Response>> stub(channel.channel);
    stub.UnaryCall(&context, path_, grpc::StubOptions(), &request_, received,
                   [received, done = std::move(done)](grpc::Status status) {
                     if (status.ok() && !received->arrived) status = NoMessage();
                     done(std::move(status));
                   });
  }

  void Complete(absl::Status status, int winner) override {
    const std::shared_ptr<PendingState<Response>> state = std::move(state_);
    if (status.ok()) {
      state->Set(std::move(At(winner).message));
    } else {
      state->Set(std::move(status));
    }
  }

  const google::protobuf::MessageLite& request() const override { return request_; }
  google::protobuf::MessageLite& response(int number) override { return At(number).message; }

 private:
  Received<Response>& At(int number) {
    if (number == 0) return first_;
    if (number != kStandIn) return others_[number];
    if (stand_in_ == nullptr) stand_in_ = std::make_unique<Received<Response>>();
    return *stand_in_;
  }

  const std::string& path_;
  const Request request_;
  std::shared_ptr<PendingState<Response>> state_;
  Received<Response> first_;
  /// Of the attempts after the first. A map, because an attempt's response must not move.
  std::map<int, Received<Response>> others_;
  /// Apart from them: a call that is shared may end with a stand-in while attempts go on for others.
  std::unique_ptr<Received<Response>> stand_in_;
};

}  // namespace internal

/// The calls of one generated service, for example `ServiceClient<user::v1::UserService>`. A handle: copies share everything.
/// *Thread-safe.*
template <class Service>
class ServiceClient {
 public:
  using Stub = typename Service::StubInterface;

  /// *Errors:* as UserClient::Create.
  static absl::StatusOr<ServiceClient> Create(const ClientOptions& options) {
    const auto make_stub = [](const std::shared_ptr<grpc::Channel>& channel) -> std::shared_ptr<void> {
      return std::shared_ptr<Stub>(Service::NewStub(channel));
    };
    absl::StatusOr<std::shared_ptr<internal::ClientCore>> core =
        internal::CreateCore(options, Service::service_full_name(), make_stub);
    if (!core.ok()) return core.status();
    return ServiceClient(*std::move(core));
  }

  /// Describes one RPC: `Unary("GetUser", &Stub::GetUser)`. Ends the process if the service has no such method.
  template <class Request, class Response>
  UnaryMethod<Stub, Request, Response> Unary(std::string_view name,
                                             grpc::Status (Stub::*blocking)(grpc::ClientContext*, const Request&,
                                                                            Response*)) const {
    return {internal::MethodIndex(*core_, name), blocking};
  }

  /// Describes one client-streaming RPC: `ClientStream("BatchCreateUsers", &Stub::BatchCreateUsers)`. Ends the process if the
  /// service has no such method.
  template <class Request, class Response>
  ClientStreamMethod<Stub, Request, Response> ClientStream(std::string_view name,
                                                           internal::OpenWriter<Stub, Request, Response> /*types*/) const {
    return {internal::MethodIndex(*core_, name)};
  }

  /// Describes one server-streaming RPC: `ServerStream("ListOrders", &Stub::ListOrders)`. Ends the process if the service has no
  /// such method.
  template <class Request, class Response>
  ServerStreamMethod<Stub, Request, Response> ServerStream(
      std::string_view name,
      std::unique_ptr<grpc::ClientReaderInterface<Response>> (Stub::*)(grpc::ClientContext*, const Request&) /*types*/,
      StreamRules<Request, Response> rules = {}) const {
    return {internal::MethodIndex(*core_, name), rules};
  }

  /// Describes one bidirectional RPC without side effects that answers every message with one, in order:
  /// `BidiStream("LookupUsers", &Stub::LookupUsers)`. Ends the process if the service has no such method.
  template <class Request, class Response>
  BidiStreamMethod<Stub, Request, Response> BidiStream(
      std::string_view name,
      std::unique_ptr<grpc::ClientReaderWriterInterface<Request, Response>> (Stub::*)(grpc::ClientContext*) /*types*/,
      ConversationRules<Request, Response> rules = {}) const {
    return {internal::MethodIndex(*core_, name), rules};
  }

  /// A conversation that lives until it is finished, cancelled or destroyed; its stream opens with the first question. The
  /// method's timeout is that of one attempt; CallOptions::timeout, if given, that of the whole, counted from here. What
  /// `options` points to must live until the conversation has been finished or destroyed.
  template <class Request, class Response>
  Conversation<Request, Response> Converse(const BidiStreamMethod<Stub, Request, Response>& method, CallOptions options,
                                           const ConversationLimits& limits = {}) const {
    return Converse(method, std::move(options), limits, /*lasting=*/true);
  }

  /// One that is known to end: the method's timeout is that of the whole, counted from the first question.
  template <class Request, class Response>
  Conversation<Request, Response> ConverseOnce(const BidiStreamMethod<Stub, Request, Response>& method, CallOptions options,
                                               const ConversationLimits& limits = {}) const {
    return Converse(method, std::move(options), limits, /*lasting=*/false);
  }

  /// Opens a stream. What `options` points to must live until the stream has ended or been destroyed.
  template <class Request, class Response>
  MessageStream<Response> Open(const ServerStreamMethod<Stub, Request, Response>& method, Request request,
                               CallOptions options) const {
    return MessageStream<Response>(Read(method, std::move(request), std::move(options))->box());
  }

  /// The same for what is built on top of it.
  // NOLINTBEGIN(performance-unnecessary-value-param): it is moved on
  template <class Request, class Response>
  std::shared_ptr<internal::ReadStream<Request, Response>> Read(const ServerStreamMethod<Stub, Request, Response>& method,
                                                                Request request, CallOptions options) const {
    absl::Status unusable = CheckStream(options);
    unusable.Update(internal::CheckSize(request));
    auto stream = std::make_shared<internal::ReadStream<Request, Response>>(streams_, internal::MethodPath(*core_, method.index),
                                                                            std::move(request), method.rules.advance);
    if (!unusable.ok()) {
      stream->Complete(std::move(unusable));
      return stream;
    }
    const internal::StreamKind kind = {
        .resumable = method.rules.advance != nullptr, .endless = method.rules.endless, .idle_timeout = method.rules.idle_timeout};
    stream->box()->SetHandle(internal::StartStream(core_, method.index, std::move(options), kind, stream));
    return stream;
  }
  // NOLINTEND(performance-unnecessary-value-param)

  /// Blocks until the call has its answer, its deadline has passed, or it is cancelled.
  template <class Request, class Response>
  absl::StatusOr<Response> Call(const UnaryMethod<Stub, Request, Response>& method, const Request& request,
                                const CallOptions& options) const {
    if (absl::Status status = internal::CheckSize(request); !status.ok()) return status;
    if (internal::WaitsOnAsync(*core_, method.index)) {
      if (absl::Status status = internal::CheckMayBlock(); !status.ok()) return status;
      return Start(method, request, options).Get();
    }
    Response response;
    absl::Status status = internal::AnswerBlocking(*core_, method.index, options, request, response,
                                                   [&](const internal::PooledChannel& channel, grpc::ClientContext& context) {
                                                     return (static_cast<Stub*>(channel.stub.get())->*method.blocking)(
                                                         &context, request, &response);
                                                   });
    if (!status.ok()) return status;
    return response;
  }

  /// Starts a call and returns. What `options` points to must live until the call has ended.
  // NOLINTBEGIN(performance-unnecessary-value-param): it is moved on
  template <class Request, class Response>
  PendingCall<Response> Start(const UnaryMethod<Stub, Request, Response>& method, Request request, CallOptions options) const {
    auto state = std::make_shared<internal::PendingState<Response>>();
    if (absl::Status status = internal::CheckSize(request); !status.ok()) {
      state->Set(std::move(status));
      return PendingCall<Response>(std::move(state));
    }
    auto call = std::make_unique<internal::StubCall<Request, Response>>(internal::MethodPath(*core_, method.index),
                                                                        std::move(request), state);
    state->SetHandle(internal::AnswerAsync(core_, method.index, std::move(options), std::move(call)));
    return PendingCall<Response>(std::move(state));
  }

  /// Starts a client-streaming call that sends these messages, and returns. It goes the way of every call: an attempt that fails
  /// is made again as the method's retryPolicy says, with all messages from the first. What is too much to be kept for that, or
  /// has no end, is sent in several calls.
  template <class Request, class Response>
  PendingCall<Response> StartBatch(const ClientStreamMethod<Stub, Request, Response>& method, std::vector<Request> messages,
                                   CallOptions options) const {
    auto state = std::make_shared<internal::PendingState<Response>>();
    for (const Request& message : messages) {
      if (absl::Status status = internal::CheckSize(message); !status.ok()) {
        state->Set(std::move(status));
        return PendingCall<Response>(std::move(state));
      }
    }
    auto call = std::make_unique<internal::ClientStreamCall<Request, Response>>(internal::MethodPath(*core_, method.index),
                                                                                std::move(messages), state);
    state->SetHandle(internal::AnswerAsync(core_, method.index, std::move(options), std::move(call)));
    return PendingCall<Response>(std::move(state));
  }
  // NOLINTEND(performance-unnecessary-value-param)

  /// Reads the files of the service config and of the credentials again, without waiting for the client to do so by itself
  /// (ClientOptions::file_check_interval). *Errors:* as Create, and FAILED_PRECONDITION if the client has no files or has been
  /// shut down; what could not be read stays as it was.
  absl::Status Reload() const { return internal::Reload(*core_); }

  /// Calls that begin from now on go by this config; those under way finish by the one that they began with. Breakers, limiters,
  /// the retry throttle and kept answers keep what they know, also when their numbers change. *Errors:* INVALID_ARGUMENT naming
  /// the place, FAILED_PRECONDITION after Shutdown; nothing has changed then.
  absl::Status SetConfig(const ServiceConfig& config) const { return internal::SetConfig(*core_, config); }

  /// Takes the circuit breaker of a compartment out of its own hands, or gives it back. *Errors:* NOT_FOUND if there is no such
  /// compartment, FAILED_PRECONDITION if it has no breaker.
  absl::Status OverrideCircuit(std::string_view compartment, CircuitOverride decision) const {
    return internal::OverrideCircuit(*core_, compartment, decision);
  }

  /// What it is doing at this moment; see client_snapshot.h.
  ClientSnapshot Snapshot() const { return internal::Snapshot(*core_); }

  /// Connects every channel. True when all are ready, false when the time is over.
  bool WaitReady(std::chrono::nanoseconds timeout) const { return internal::WaitReady(*core_, timeout); }

  /// Refuses new calls, waits for those under way, cancels what is left after `timeout`. True: nothing had to be cancelled.
  /// In a callback it cancels at once, does not wait, and gives false.
  bool Shutdown(std::chrono::nanoseconds timeout) const { return internal::Shutdown(*core_, timeout); }

  const std::shared_ptr<internal::ClientCore>& core() const { return core_; }

 private:
  explicit ServiceClient(std::shared_ptr<internal::ClientCore> core) : core_(std::move(core)) {}

  static absl::Status CheckStream(const CallOptions& options) {
    if (options.fallback) return absl::InvalidArgumentError("CallOptions.fallback: a stream takes none");
    return absl::OkStatus();
  }

  static absl::Status CheckLimits(const ConversationLimits& limits) {
    if (limits.max_on_wire == 0) return absl::InvalidArgumentError("ConversationLimits.max_on_wire: must be at least 1");
    if (limits.max_waiting == 0) return absl::InvalidArgumentError("ConversationLimits.max_waiting: must be at least 1");
    return absl::OkStatus();
  }

  template <class Request, class Response>
  Conversation<Request, Response> Converse(const BidiStreamMethod<Stub, Request, Response>& method, CallOptions options,
                                           const ConversationLimits& limits, bool lasting) const {
    absl::Status unusable = CheckStream(options);
    unusable.Update(CheckLimits(limits));
    return Conversation<Request, Response>(std::make_shared<internal::AskStream<Request, Response>>(
        core_, method.index, internal::MethodPath(*core_, method.index), method.rules, limits, lasting, std::move(options),
        std::move(unusable)));
  }

  std::shared_ptr<internal::ClientCore> core_;
  std::shared_ptr<internal::StreamQueue> streams_ = std::make_shared<internal::StreamQueue>();
};

}  // namespace userclient
