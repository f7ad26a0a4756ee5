#pragma once

#include "absl/status/status.h"

namespace userclient::internal {

/// gRPC ends the process if it cannot have the descriptors that it needs to start. Without the threads it hangs, or nobody brings
/// the answers of asynchronous calls, nor ends these by their deadlines. *Errors:* RESOURCE_EXHAUSTED if it would.
absl::Status CheckThatGrpcCanStart();

}  // namespace userclient::internal
