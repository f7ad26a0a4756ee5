#pragma once

#include <string>

#include "absl/status/status.h"
#include "tests/benchmark/subject.h"

namespace userclient::benchmark {

/// Makes calls until the benchmark_server at `target` has had some on so many new connections; with 0, a few calls to any server.
/// *Errors:* the first call that failed, or DEADLINE_EXCEEDED after two minutes.
absl::Status WarmUp(Subject& subject, const std::string& target, int connections);

}  // namespace userclient::benchmark
