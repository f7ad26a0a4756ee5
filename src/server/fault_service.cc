#include "server/fault_service.h"

#include "server/status_conversion.h"

namespace userclient::internal {
namespace {

grpc::ServerUnaryReactor* FinishWith(grpc::CallbackServerContext* context, const grpc::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(status);
  return reactor;
}

}  // namespace

grpc::ServerUnaryReactor* FaultServiceImpl::SetFaults(grpc::CallbackServerContext* context, const v1::SetFaultsRequest* request,
                                                      v1::SetFaultsResponse*) {
  return FinishWith(context, ToGrpcStatus(faults_.Set(request->faults_json())));
}

grpc::ServerUnaryReactor* FaultServiceImpl::GetCounters(grpc::CallbackServerContext* context, const v1::GetCountersRequest*,
                                                        v1::GetCountersResponse* response) {
  for (const auto& [method, counters] : counters_.All()) {
    v1::MethodCounters& out = *response->add_methods();
    out.set_method(method);
    out.set_calls(counters.calls);
    out.set_attempts(counters.attempts);
    out.set_injected_faults(counters.injected_faults);
    for (const auto& [code, attempts] : counters.ended) {
      v1::StatusCount& count = *out.add_ended();
      count.set_code(static_cast<int>(code));
      count.set_name(StatusCodeName(code));
      count.set_attempts(attempts);
    }
  }
  return FinishWith(context, grpc::Status::OK);
}

grpc::ServerUnaryReactor* FaultServiceImpl::ResetCounters(grpc::CallbackServerContext* context, const v1::ResetCountersRequest*,
                                                          v1::ResetCountersResponse*) {
  counters_.Reset();
  return FinishWith(context, grpc::Status::OK);
}

}  // namespace userclient::internal
