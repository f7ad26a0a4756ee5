#pragma once

#include <string>

#include "absl/status/status.h"
#include "global_options.h"

namespace userctl {

/// What a person might do about a failed call; empty where its message says enough. A guess from gRPC's wording, never more than
/// advice.
std::string HintFor(const absl::Status& status, const GlobalOptions& options);

}  // namespace userctl
