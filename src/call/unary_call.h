#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "call/method_plan.h"
#include "transport/channel_pool.h"
#include "userclient/call_options.h"

namespace userclient::internal {

/// Makes one attempt on a channel: the blocking call of the generated stub.
using UnaryAttempt = absl::FunctionRef<grpc::Status(const PooledChannel&, grpc::ClientContext&)>;

/// The whole way of a blocking unary call (docs/life_of_a_call.md). Blocks until the call has its answer, its deadline has
/// passed, or it is cancelled. Returns what the last attempt returned, with the call's report inside if that is an error.
absl::Status UnaryCall(const MethodPlan& plan, const CallOptions& options, UnaryAttempt attempt);

}  // namespace userclient::internal
