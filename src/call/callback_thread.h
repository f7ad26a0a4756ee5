#pragma once

#include "absl/status/status.h"
#include "userclient/call_options.h"

namespace userclient::internal {

/// While it lives, this thread belongs to gRPC, which needs it to bring answers; what it calls of the application must not block.
class CallbackScope {
 public:
  CallbackScope();
  ~CallbackScope();
  CallbackScope(const CallbackScope&) = delete;
  CallbackScope& operator=(const CallbackScope&) = delete;
};

/// What makes a blocking call impossible before it begins: unusable options, or a thread that must not block. *Errors:*
/// INVALID_ARGUMENT, FAILED_PRECONDITION.
absl::Status CheckCall(const CallOptions& options);

}  // namespace userclient::internal
