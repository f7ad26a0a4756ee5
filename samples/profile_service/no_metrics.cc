#include "metrics.h"

namespace profile_service {

absl::StatusOr<Metrics> MakeMetrics() {
  return Metrics{.scrape = [] {
    return Problem(501, "There are no metrics", "profile_service was built without prometheus-cpp (Debian: prometheus-cpp-dev).");
  }};
}

}  // namespace profile_service
