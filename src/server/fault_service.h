#pragma once

#include "server/call_counters.h"
#include "userclient/server/fault_injector.h"
#include "userclient/v1/fault_service.grpc.pb.h"

namespace userclient::internal {

/// userclient.v1.FaultService.
class FaultServiceImpl final : public v1::FaultService::CallbackService {
 public:
  /// Both outlive the service.
  FaultServiceImpl(FaultInjector& faults, CallCounters& counters) : faults_(faults), counters_(counters) {}

  grpc::ServerUnaryReactor* SetFaults(grpc::CallbackServerContext* context, const v1::SetFaultsRequest* request,
                                      v1::SetFaultsResponse* response) override;
  grpc::ServerUnaryReactor* GetCounters(grpc::CallbackServerContext* context, const v1::GetCountersRequest* request,
                                        v1::GetCountersResponse* response) override;
  grpc::ServerUnaryReactor* ResetCounters(grpc::CallbackServerContext* context, const v1::ResetCountersRequest* request,
                                          v1::ResetCountersResponse* response) override;

 private:
  FaultInjector& faults_;
  CallCounters& counters_;
};

}  // namespace userclient::internal
