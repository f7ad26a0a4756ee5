#pragma once

#include <grpcpp/resource_quota.h>
#include <grpcpp/security/credentials.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "userclient/channel_factory.h"
#include "userclient/internal/pooled_channel.h"

namespace userclient::internal {

/// How to make the channels of one compartment.
struct ChannelSpec {
  std::string target{};
  std::shared_ptr<grpc::ChannelCredentials> credentials{};
  /// In place of the two; null where they are given.
  std::shared_ptr<const ChannelFactory> factory{};
  /// The name that the server is asked for, and that its certificate must be for, instead of the host in the target.
  std::optional<std::string> authority{};
  /// The service config for gRPC itself.
  std::string service_config_json = "{}";
  std::string user_agent{};
  /// What the connections of a client may keep in memory together; null: as much as comes.
  std::shared_ptr<const grpc::ResourceQuota> quota{};
  /// Channels share connections if they have both numbers and all else in common, and never otherwise: the client and the
  /// compartment decide it. A pool takes `largest()` pool numbers from here on.
  int client_number = 0;
  int first_pool_number = 0;
  /// Channels that are always there; at least 1.
  int count = 1;
  /// Channels under load, at least `count`. Absent: the pool stays at `count`.
  std::optional<int> max_count{};
  /// A call that finds this many calls in flight on every channel makes the pool grow by one. The default leaves room below the
  /// 100 concurrent streams that most servers allow on a connection; beyond them gRPC queues calls without a word.
  int grow_at = 70;
  /// An additional channel leaves when the others could have carried the calls without reaching `grow_at` for this long.
  std::chrono::nanoseconds shrink_after = std::chrono::seconds(60);
  /// A new channel that has not become READY within this time is given up. The next one is tried after the same time again.
  std::chrono::nanoseconds warm_up_limit = std::chrono::seconds(10);
  /// gRPC's own retries of calls that no server has seen ("transparent", gRFC A6). Without them a call costs an eighth less, and
  /// the server learns from `grpc-previous-rpc-attempts` which attempt it sees: gRPC's retry filter takes that header away.
  bool transparent_retries = true;

  int largest() const { return max_count.value_or(count); }

  friend bool operator==(const ChannelSpec&, const ChannelSpec&) = default;
};

/// Makes the channel with the index-th pool number of the spec; does not connect it.
PooledChannel MakePooledChannel(const ChannelSpec& spec, int index, const StubFactory& make_stub);

/// Whether gRPC understands its share of a service config. *Errors:* INVALID_ARGUMENT with gRPC's own explanation.
absl::Status CheckChannelConfig(const std::string& service_config_json);

}  // namespace userclient::internal
