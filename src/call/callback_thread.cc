#include "call/callback_thread.h"

#include <pthread.h>

#include <string_view>

#include "call/request_metadata.h"
#include "userclient/internal/call_engine.h"

namespace userclient::internal {
namespace {

thread_local int callbacks_running = 0;

/// gRPC's own threads carry these names: of 1.51's callback completion queue, and of the event engine of later releases.
bool IsThreadOfGrpc() {
  char name[16] = {};
  if (pthread_getname_np(pthread_self(), name, sizeof(name)) != 0) return false;
  const std::string_view thread(name);
  return thread == "nexting_thread" || thread == "event_engine";
}

}  // namespace

CallbackScope::CallbackScope() { ++callbacks_running; }
CallbackScope::~CallbackScope() { --callbacks_running; }

absl::Status CheckMayBlock() {
  thread_local const bool thread_of_grpc = IsThreadOfGrpc();
  if (callbacks_running == 0 && !thread_of_grpc) return absl::OkStatus();
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
