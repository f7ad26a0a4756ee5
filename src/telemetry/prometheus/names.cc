#include "telemetry/prometheus/names.h"

#include <algorithm>

namespace userclient::internal {

std::string PrometheusName(std::string_view name) {
  std::string text(name);
  std::replace(text.begin(), text.end(), '.', '_');
  return text;
}

std::string PrometheusName(const Metric& metric) {
  std::string name = PrometheusName(metric.name);
  if (metric.unit == "s") name += "_seconds";
  if (metric.kind == Metric::Kind::kCounter) name += "_total";
  return name;
}

}  // namespace userclient::internal
