#include "tests/benchmark/observers.h"

#include <fstream>

#include "absl/strings/str_cat.h"
#include "userclient/json_log.h"

#ifdef USERCLIENT_BENCHMARK_PROMETHEUS
#include "userclient/prometheus.h"
#endif
#ifdef USERCLIENT_BENCHMARK_OPENTELEMETRY
#include "tests/benchmark/opentelemetry_sink.h"
#include "userclient/opentelemetry.h"
#endif

namespace userclient::benchmark {
namespace {

using ObserverOr = absl::StatusOr<std::shared_ptr<Observer>>;

struct NamedObserver {
  std::string_view name;
  ObserverOr (*make)();
};

ObserverOr MakeLog() {
  static std::ofstream nowhere("/dev/null");
  return std::make_shared<JsonLog>(JsonLogOptions{.write = WriteLinesTo(nowhere), .level = LogLevel::kCalls});
}

constexpr NamedObserver kObservers[] = {
    {"log", MakeLog},
#ifdef USERCLIENT_BENCHMARK_PROMETHEUS
    {"prometheus", []() -> ObserverOr { return PrometheusObserver::Create(); }},
#endif
#ifdef USERCLIENT_BENCHMARK_OPENTELEMETRY
    {"opentelemetry",
     []() -> ObserverOr {
       SinkTelemetry();
       return OpenTelemetryObserver::Create();
     }},
#endif
};

}  // namespace

std::vector<std::string> ObserverNames() {
  std::vector<std::string> names;
  for (const NamedObserver& observer : kObservers) names.emplace_back(observer.name);
  return names;
}

absl::StatusOr<std::shared_ptr<Observer>> MakeObserver(std::string_view name) {
  for (const NamedObserver& observer : kObservers) {
    if (observer.name == name) return observer.make();
  }
  return absl::InvalidArgumentError(absl::StrCat("this build has no observer \"", std::string(name), "\""));
}

}  // namespace userclient::benchmark
