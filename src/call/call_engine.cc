#include "userclient/internal/call_engine.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "call/callback_thread.h"
#include "call/client_core.h"

namespace userclient::internal {
namespace {

TimePoint After(std::chrono::nanoseconds timeout) {
  const TimePoint now = std::chrono::steady_clock::now();
  return now + std::min(timeout, TimePoint::max() - now);
}

}  // namespace

absl::StatusOr<std::shared_ptr<ClientCore>> CreateCore(const ClientOptions& options, std::string_view service,
                                                       const StubFactory& make_stub) {
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  const google::protobuf::ServiceDescriptor* descriptor = pool->FindServiceByName(std::string(service));
  if (descriptor == nullptr) {
    return absl::InternalError(absl::StrCat("the proto of ", std::string(service), " is not linked into this program"));
  }
  return ClientCore::Create(options, *descriptor, make_stub);
}

absl::Status Reload(ClientCore& core) { return core.Reload(); }

absl::Status SetConfig(ClientCore& core, const ServiceConfig& config) { return core.SetConfig(config); }

absl::Status OverrideCircuit(ClientCore& core, std::string_view compartment, CircuitOverride decision) {
  return core.OverrideCircuit(compartment, decision);
}

ClientSnapshot Snapshot(ClientCore& core) { return core.Snapshot(); }

bool WaitReady(ClientCore& core, std::chrono::nanoseconds timeout) {
  return CheckMayBlock().ok() && core.WaitReady(After(timeout));
}

bool Shutdown(ClientCore& core, std::chrono::nanoseconds timeout) { return core.Shutdown(After(timeout)); }

const std::string& MethodPath(const ClientCore& core, int method) { return core.path(method); }

int MethodIndex(const ClientCore& core, std::string_view method) { return core.IndexOf(method); }

}  // namespace userclient::internal
