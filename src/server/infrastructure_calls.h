#pragma once

#include <grpcpp/support/server_interceptor.h>

#include <memory>
#include <unordered_set>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace userclient::internal {

/// The calls in flight that serve no user: health watches, reflection streams. They have no end of their own, and gRPC's graceful
/// shutdown waits for every call; whoever drains a server must end them himself. Thread-safe; outlives the server.
class InfrastructureCalls {
 public:
  /// To be given to the server's builder.
  std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeInterceptorFactory();

  /// Cancels those in flight, and from now on every one that comes.
  void Close();

 private:
  class Factory;
  class Tracker;

  absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::unordered_set<grpc::ServerContextBase*> in_flight_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace userclient::internal
