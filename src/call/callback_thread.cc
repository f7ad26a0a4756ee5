#include "call/callback_thread.h"

#include "call/request_metadata.h"
#include "userclient/internal/call_engine.h"

namespace userclient::internal {
namespace {

thread_local int callbacks_running = 0;

}  // namespace

CallbackScope::CallbackScope() { ++callbacks_running; }
CallbackScope::~CallbackScope() { --callbacks_running; }

absl::Status CheckMayBlock() {
  if (callbacks_running == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "a blocking call was made on a thread of gRPC's callbacks, which must not block because it is needed to bring the answer; "
      "use the "
      "Async form there (GetUserAsync with Then or co_await)");
}

absl::Status CheckCall(const CallOptions& options) {
  if (absl::Status status = CheckMayBlock(); !status.ok()) return status;
  return CheckMetadata(options.metadata);
}

}  // namespace userclient::internal
