#pragma once

#include <grpcpp/support/status.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace userclient::internal {

/// "UNAVAILABLE"; the number for a code that gRPC does not define.
std::string StatusCodeName(absl::StatusCode code);

/// Adds field and description of each violation to the status's google.rpc.BadRequest.
void AttachViolations(absl::Status& status, const std::vector<std::pair<std::string, std::string>>& violations);

/// Adds google.rpc.ErrorInfo: a reason that programs can tell apart, in UPPER_SNAKE_CASE, unique within user.v1.UserService.
void AttachReason(absl::Status& status, std::string_view reason);

/// The payloads of `status` become the details of the trailer grpc-status-details-bin.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace userclient::internal
