#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "userclient/service_config.h"

namespace userctl {

/// Leaves out servers that fail more than the others: success rates below the average by more than stdev_factor / 1000 standard
/// deviations.
struct SuccessRateEjection {
  int64_t stdev_factor = 1900;
  int64_t enforcement_percent = 100;
  int64_t minimum_hosts = 5;
  int64_t request_volume = 100;
};

/// Leaves out servers of whose calls more than `threshold` percent fail.
struct FailurePercentageEjection {
  int64_t threshold = 85;
  int64_t enforcement_percent = 100;
  int64_t minimum_hosts = 5;
  int64_t request_volume = 50;
};

/// `outlier_detection_experimental`, executed by gRPC. What the file leaves out is gRPC's default (gRFC A50).
struct OutlierDetection {
  std::chrono::nanoseconds interval = std::chrono::seconds(10);
  std::chrono::nanoseconds base_ejection_time = std::chrono::seconds(30);
  std::chrono::nanoseconds max_ejection_time = std::chrono::seconds(300);
  int64_t max_ejection_percent = 10;
  std::optional<SuccessRateEjection> success_rate{};
  std::optional<FailurePercentageEjection> failure_percentage{};
};

/// What gRPC's channel makes of its share of a service config.
struct ChannelView {
  /// What distributes the calls over the servers: "round_robin". For policies that this program knows nothing about, their name.
  std::string load_balancing{};
  /// "loadBalancingConfig[0]", "loadBalancingPolicy"; "default" where the config has neither.
  std::string load_balancing_from{};
  std::optional<OutlierDetection> outlier_detection{};
  /// The service that servers are asked about before they get calls. Absent: they are not asked.
  std::optional<std::string> health_check_service{};
  /// Whether load_balancing does ask. gRPC's pick_first does not (gRFC A17).
  bool asks_for_health() const { return health_check_service && load_balancing != "pick_first"; }
};

/// For a config that UserClient::CheckConfig takes.
ChannelView ChannelOf(const userclient::ServiceConfig& config);

/// The fields of a methodConfig that gRPC's channel executes.
struct ChannelMethodView {
  std::optional<bool> wait_for_ready{};
  std::optional<int64_t> max_request_message_bytes{};
  std::optional<int64_t> max_response_message_bytes{};
};
ChannelMethodView ChannelMethodOf(const userclient::ServiceConfig& config, const userclient::MethodConfig& method);

}  // namespace userctl
