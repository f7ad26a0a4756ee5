#pragma once

/// What the typed faces (service_client.h) know of the engine below them, which is compiled once for all services.

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "userclient/call_options.h"
#include "userclient/circuit_breaker.h"
#include "userclient/client_options.h"
#include "userclient/client_snapshot.h"
#include "userclient/internal/may_block.h"
#include "userclient/internal/pending_state.h"
#include "userclient/internal/pooled_channel.h"
#include "userclient/service_config.h"

namespace google::protobuf {
class MessageLite;
}  // namespace google::protobuf

namespace userclient::internal {

/// What all calls of one client share: plans, compartments, throttle.
class ClientCore;

/// *Errors:* as UserClient::Create.
absl::StatusOr<std::shared_ptr<ClientCore>> CreateCore(const ClientOptions& options, std::string_view service,
                                                       const StubFactory& make_stub);

/// The position of a method in its service. Ends the process if there is no such method: a mistake in the program.
int MethodIndex(const ClientCore& core, std::string_view method);

/// "/package.Service/Method". Lives as long as the core.
const std::string& MethodPath(const ClientCore& core, int method);

/// One attempt on a channel: the blocking call of the generated stub.
using BlockingAttempt = absl::FunctionRef<grpc::Status(const PooledChannel&, grpc::ClientContext&)>;

/// The number of a response that no attempt writes to.
inline constexpr int kStandIn = -1;

/// What the blocking stub makes of an OK without a message, or with bytes that are none.
grpc::Status NoMessage();

/// The typed end of a call that runs asynchronously: holds the request and the responses.
class TypedCall {
 public:
  virtual ~TypedCall() = default;

  /// Starts attempt `number`, from 0, with a response of its own. `done` is called exactly once. The same number may be started
  /// again when it has ended.
  virtual void Start(int number, const PooledChannel& channel, grpc::ClientContext& context,
                     std::function<void(grpc::Status)> done) = 0;

  /// The call has ended; if OK, with response `winner`. Called exactly once. Responses of other attempts may still
  /// be written to until this object is destroyed.
  virtual void Complete(absl::Status status, int winner) = 0;

  /// Of a unary call; asked for only where the method's answers are kept or shared by request.
  virtual const google::protobuf::MessageLite& request() const = 0;
  /// Of an attempt that has ended, or kStandIn.
  virtual google::protobuf::MessageLite& response(int number) = 0;
};

/// A call, or what stands in for its answer (staleIfError, fallbacks). `response` is where `attempt` puts the server's.
absl::Status AnswerBlocking(ClientCore& core, int method, const CallOptions& options,
                            const google::protobuf::MessageLite& request, google::protobuf::MessageLite& response,
                            BlockingAttempt attempt);

/// The same without a thread that waits, and shared with other calls where the method is to have singleFlight. Null if it has
/// ended already.
std::shared_ptr<CallHandle> AnswerAsync(std::shared_ptr<ClientCore> core, int method, CallOptions options,
                                        std::unique_ptr<TypedCall> call);

/// Runs a call to its end on this thread.
absl::Status CallBlocking(ClientCore& core, int method, const CallOptions& options, BlockingAttempt attempt);

/// Whether a blocking call of this method has to wait for an asynchronous one: only that can have several attempts under way
/// (hedging), or be shared (singleFlight).
bool WaitsOnAsync(const ClientCore& core, int method);

absl::Status Reload(ClientCore& core);
absl::Status SetConfig(ClientCore& core, const ServiceConfig& config);
absl::Status OverrideCircuit(ClientCore& core, std::string_view compartment, CircuitOverride decision);
ClientSnapshot Snapshot(ClientCore& core);
bool WaitReady(ClientCore& core, std::chrono::nanoseconds timeout);
bool Shutdown(ClientCore& core, std::chrono::nanoseconds timeout);

}  // namespace userclient::internal
