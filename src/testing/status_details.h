#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace userclient::internal {

/// Code, message and payloads, as a server sends them. Details that came from a server, or from WithDetails, go as they are.
grpc::Status ServerStatus(const absl::Status& status);

}  // namespace userclient::internal
