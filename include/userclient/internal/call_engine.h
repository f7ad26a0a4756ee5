#pragma once

/// What the typed faces (service_client.h) know of the engine below them, which is compiled once for all services.

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "userclient/call_options.h"
#include "userclient/client_options.h"
#include "userclient/internal/pending_state.h"
#include "userclient/internal/pooled_channel.h"

namespace userclient::internal {

/// What all calls of one client share: plans, compartments, throttle.
class ClientCore;

/// *Errors:* as UserClient::Create.
absl::StatusOr<std::shared_ptr<ClientCore>> CreateCore(const ClientOptions& options, std::string_view service,
                                                       const StubFactory& make_stub);

/// The position of a method in its service. Ends the process if there is no such method: a mistake in the program.
int MethodIndex(const ClientCore& core, std::string_view method);

/// One attempt on a channel: the blocking call of the generated stub.
using BlockingAttempt = absl::FunctionRef<grpc::Status(const PooledChannel&, grpc::ClientContext&)>;

/// The typed end of a call that runs asynchronously: holds the request and the responses.
class TypedCall {
 public:
  virtual ~TypedCall() = default;

  /// Starts attempt `number`, from 0, with a response of its own. `done` is called exactly once.
  virtual void Start(int number, const PooledChannel& channel, grpc::ClientContext& context,
                     std::function<void(grpc::Status)> done) = 0;

  /// The call has ended; if OK, with the response of attempt `winner`. Called exactly once. Responses of other attempts may still
  /// be written to until this object is destroyed.
  virtual void Complete(absl::Status status, int winner) = 0;
};

/// Runs a call to its end on this thread.
absl::Status CallBlocking(ClientCore& core, int method, const CallOptions& options, BlockingAttempt attempt);

/// Starts a call; its end is reported through `call`, maybe before this returns.
std::shared_ptr<CallHandle> CallAsync(std::shared_ptr<ClientCore> core, int method, CallOptions options,
                                      std::unique_ptr<TypedCall> call);

/// Whether a blocking call of this method has to run through CallAsync, because only that driver can run several attempts at
/// once.
bool RunsSeveralAttempts(const ClientCore& core, int method);

bool WaitReady(ClientCore& core, std::chrono::nanoseconds timeout);
bool Shutdown(ClientCore& core, std::chrono::nanoseconds timeout);

/// OK on threads that may block; FAILED_PRECONDITION on those that gRPC needs to bring answers.
absl::Status CheckMayBlock();

}  // namespace userclient::internal
