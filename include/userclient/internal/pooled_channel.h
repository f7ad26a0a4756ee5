#pragma once

#include <grpcpp/channel.h>

#include <functional>
#include <memory>

namespace userclient::internal {

/// A channel and the generated stub on top of it.
struct PooledChannel {
  std::shared_ptr<grpc::Channel> channel{};
  /// What the pool's StubFactory made; only its maker knows the type.
  std::shared_ptr<void> stub{};
};

using StubFactory = std::function<std::shared_ptr<void>(const std::shared_ptr<grpc::Channel>&)>;

}  // namespace userclient::internal
