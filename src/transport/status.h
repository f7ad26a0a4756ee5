#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace userclient::internal {

/// The payload that holds the trailer `grpc-status-details-bin` as it came: a serialised google.rpc.Status.
inline constexpr char kStatusDetailsPayload[] = "type.googleapis.com/google.rpc.Status";

/// What the generated blocking stub makes of an answer whose bytes are no such message, or of an OK without one.
grpc::Status NoMessage();

/// The same code, message and details.
absl::Status ToAbslStatus(const grpc::Status& status);

}  // namespace userclient::internal
