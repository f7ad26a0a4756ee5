#pragma once

namespace userclient::benchmark {

/// Makes the SDK of OpenTelemetry the provider of this process: every span is sampled and recorded, and dropped when it ends;
/// every metric is aggregated, and read by nobody. Once is enough.
void SinkTelemetry();

}  // namespace userclient::benchmark
