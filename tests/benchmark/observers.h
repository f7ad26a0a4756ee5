#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "userclient/observer.h"

namespace userclient::benchmark {

/// Those that this build has:
///
///   log            JsonLog, a line for every call, written to a file that forgets it
///   prometheus     PrometheusObserver, if prometheus-cpp was found
///   opentelemetry  OpenTelemetryObserver on the SDK of OpenTelemetry, if that was found: every call is sampled, its spans are
///                  dropped when they end
std::vector<std::string> ObserverNames();

/// *Errors:* INVALID_ARGUMENT for any other name.
absl::StatusOr<std::shared_ptr<Observer>> MakeObserver(std::string_view name);

}  // namespace userclient::benchmark
