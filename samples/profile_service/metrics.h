#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "answer.h"
#include "userclient/observer.h"

namespace profile_service {

struct Metrics {
  /// For ClientOptions::observers; null if this program was built without prometheus-cpp.
  std::shared_ptr<userclient::Observer> observer{};
  /// GET /metrics
  std::function<Answer()> scrape{};
};

/// There are two: prometheus_metrics.cc, and no_metrics.cc where userclient::prometheus is not there.
absl::StatusOr<Metrics> MakeMetrics();

}  // namespace profile_service
