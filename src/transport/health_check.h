#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <memory>

#include "userclient/v1/health.pb.h"

namespace userclient::internal {

/// grpc.health.v1.Health/Check, without a copy of its proto. Blocks until the answer is there or the context's deadline passes.
grpc::Status CheckHealthOnce(const std::shared_ptr<grpc::Channel>& channel, grpc::ClientContext& context,
                             const v1::HealthCheckRequest& request, v1::HealthCheckResponse& response);

}  // namespace userclient::internal
