#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "userclient/channel_factory.h"
#include "userclient/circuit_breaker.h"
#include "userclient/client_events.h"
#include "userclient/credentials.h"
#include "userclient/fallback.h"

namespace userclient {

class Observer;

/// How to reach a service: `target` and `credentials`, which have no default, or a `channel_factory`.
struct ClientOptions {
  /// "dns:///users.prod.svc.cluster.local:50051" (every address behind the name gets its share), "10.0.0.7:50051",
  /// "ipv4:10.0.0.7:50051,10.0.0.8:50051", "unix:/run/users.sock", or any other target that gRPC knows. Names need a port.
  std::string target{};

  std::optional<Credentials> credentials{};

  /// Instead of the two.
  ChannelFactory channel_factory{};

  /// At most one of the two; see service_config.h. With neither, the config that is built in.
  std::optional<std::filesystem::path> service_config_file{};
  std::optional<std::string> service_config_json{};

  /// For calls that bring no timeout to methods for which the service config has none. More than 0; no call is without a
  /// deadline.
  std::chrono::nanoseconds default_timeout = std::chrono::seconds(5);

  /// Put before gRPC's own user agent, for example "checkout/1.4".
  std::string user_agent{};

  /// How often the files of the service config and of the credentials are read again; what has changed in them takes effect
  /// without a restart. What matters is the content, so files may be replaced in any way. 0: never; see UserClient::Reload.
  std::chrono::nanoseconds file_check_interval = std::chrono::seconds(5);

  /// How many bytes of messages that are on their way gRPC may keep for this client. More than 0. Calls that would take more end
  /// with RESOURCE_EXHAUSTED, so leave room for all the answers that come at the same time. Absent, as in gRPC: no limit; a
  /// server that means harm then makes the client keep what it sends until the deadline (docs/hardening.md).
  std::optional<int64_t> receive_memory_limit{};

  /// Told of every change of a circuit breaker's state.
  CircuitListener on_circuit_change{};

  /// Told of changes of the config, the credentials and the endpoints, also of those that could not be made.
  ClientListener on_event{};

  /// Told of every call and attempt, and of the two above as well (observer.h): log, metrics, traces. In this order.
  std::vector<std::shared_ptr<Observer>> observers{};

  /// By the name of the method ("GetUser"), for calls that bring none of their own.
  std::map<std::string, Fallback> fallbacks{};
};

}  // namespace userclient
