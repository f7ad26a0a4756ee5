#pragma once

#include <string>

#include "absl/status/status.h"
#include "global_options.h"

namespace userctl {

/// What a person might do about a failed call; empty where its message says enough. For a call that found no server it looks at
/// the connection again, which takes some seconds at most.
std::string HintFor(const absl::Status& status, const GlobalOptions& options);

}  // namespace userctl
