#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/security/credentials.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace userclient::internal {

/// How to make the channels of one compartment.
struct ChannelSpec {
  std::string target{};
  std::shared_ptr<grpc::ChannelCredentials> credentials{};
  /// The service config for gRPC itself.
  std::string service_config_json = "{}";
  std::string user_agent{};
  /// Channels with the same number share connections, others never do: the compartment decides it.
  int first_pool_number = 0;
  int count = 1;
  /// gRPC's own retries of calls that no server has seen ("transparent", gRFC A6). Without them a call costs an eighth less, and the
  /// server learns from `grpc-previous-rpc-attempts` which attempt it sees: gRPC's retry filter takes that header away.
  bool transparent_retries = true;
};

/// A channel and the generated stub on top of it.
struct PooledChannel {
  std::shared_ptr<grpc::Channel> channel{};
  /// What the pool's StubFactory made; only its maker knows the type.
  std::shared_ptr<void> stub{};
};

using StubFactory = std::function<std::shared_ptr<void>(const std::shared_ptr<grpc::Channel>&)>;

/// The channels of one compartment, each with TCP connections of its own. *Thread-safe.*
class ChannelPool {
 public:
  /// Makes the channels; connects none. *Errors:* INVALID_ARGUMENT for a target, service config or credentials that gRPC cannot use.
  static absl::StatusOr<std::unique_ptr<ChannelPool>> Create(const ChannelSpec& spec, const StubFactory& make_stub);

  /// The channel for the next attempt.
  const PooledChannel& Next() {
    return channels_.size() == 1 ? channels_[0] : channels_[next_.fetch_add(1, std::memory_order_relaxed) % channels_.size()];
  }

 private:
  explicit ChannelPool(std::vector<PooledChannel> channels) : channels_(std::move(channels)) {}

  std::vector<PooledChannel> channels_;
  std::atomic<size_t> next_{0};
};

/// Whether gRPC understands its share of a service config. *Errors:* INVALID_ARGUMENT with gRPC's own explanation.
absl::Status CheckChannelConfig(const std::string& service_config_json);

}  // namespace userclient::internal
