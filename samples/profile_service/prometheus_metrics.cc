#include <utility>

#include "metrics.h"
#include "userclient/prometheus.h"

namespace profile_service {

absl::StatusOr<Metrics> MakeMetrics() {
  absl::StatusOr<std::shared_ptr<userclient::PrometheusObserver>> observer = userclient::PrometheusObserver::Create();
  if (!observer.ok()) return observer.status();
  return Metrics{.observer = *observer, .scrape = [observer = *observer] {
                   return Answer{.content_type = userclient::PrometheusObserver::kContentType, .body = observer->Text()};
                 }};
}

}  // namespace profile_service
