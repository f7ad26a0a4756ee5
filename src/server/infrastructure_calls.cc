#include "server/infrastructure_calls.h"

#include <grpcpp/server_context.h>

#include <string_view>

namespace userclient::internal {

/// Lives as long as its call.
class InfrastructureCalls::Tracker final : public grpc::experimental::Interceptor {
 public:
  Tracker(InfrastructureCalls& calls, grpc::ServerContextBase* context) : calls_(calls), context_(context) {}

  ~Tracker() override {
    absl::MutexLock lock(&calls_.mutex_);
    calls_.in_flight_.erase(context_);
  }

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    // TryCancel runs through here too, with the lock held.
    if (methods->QueryInterceptionHookPoint(grpc::experimental::InterceptionHookPoints::PRE_SEND_CANCEL)) return;
    // From the first operation on the call can be cancelled; before, it is not yet tied to its context.
    {
      absl::MutexLock lock(&calls_.mutex_);
      calls_.in_flight_.insert(context_);
      if (calls_.closed_) context_->TryCancel();
    }
    methods->Proceed();
  }

 private:
  InfrastructureCalls& calls_;
  grpc::ServerContextBase* const context_;
};

class InfrastructureCalls::Factory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit Factory(InfrastructureCalls& calls) : calls_(calls) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(grpc::experimental::ServerRpcInfo* info) override {
    if (std::string_view(info->method()).starts_with("/user.v1.UserService/")) return nullptr;
    return new Tracker(calls_, info->server_context());
  }

 private:
  InfrastructureCalls& calls_;
};

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> InfrastructureCalls::MakeInterceptorFactory() {
  return std::make_unique<Factory>(*this);
}

void InfrastructureCalls::Close() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
  // With the lock held: a context lives until its tracker has left the set.
  for (grpc::ServerContextBase* context : in_flight_) context->TryCancel();
}

}  // namespace userclient::internal
