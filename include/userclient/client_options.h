#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "userclient/circuit_breaker.h"
#include "userclient/credentials.h"
#include "userclient/fallback.h"

namespace userclient {

/// How to reach a service. `target` and `credentials` have no default.
struct ClientOptions {
  /// "dns:///users.prod.svc.cluster.local:50051" (every address behind the name gets its share), "10.0.0.7:50051",
  /// "ipv4:10.0.0.7:50051,10.0.0.8:50051", "unix:/run/users.sock", or any other target that gRPC knows. Names need a port.
  std::string target{};

  std::optional<Credentials> credentials{};

  /// At most one of the two; see service_config.h. With neither, the config that is built in.
  std::optional<std::filesystem::path> service_config_file{};
  std::optional<std::string> service_config_json{};

  /// For calls that bring no timeout to methods for which the service config has none. More than 0; no call is without a
  /// deadline.
  std::chrono::nanoseconds default_timeout = std::chrono::seconds(5);

  /// Put before gRPC's own user agent, for example "checkout/1.4".
  std::string user_agent{};

  /// Told of every change of a circuit breaker's state.
  CircuitListener on_circuit_change{};

  /// By the name of the method ("GetUser"), for calls that bring none of their own.
  std::map<std::string, Fallback> fallbacks{};
};

}  // namespace userclient
