#pragma once

#include "absl/status/status.h"

namespace userclient::internal {

/// OK on threads that may block; FAILED_PRECONDITION on those that gRPC needs to bring answers.
absl::Status CheckMayBlock();

}  // namespace userclient::internal
