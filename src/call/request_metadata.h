#pragma once

#include "absl/status/status.h"
#include "userclient/call_options.h"

namespace userclient::internal {

/// Whether gRPC can send these pairs; it ends the process over one that it cannot. *Errors:* INVALID_ARGUMENT naming the pair.
absl::Status CheckMetadata(const Metadata& metadata);

}  // namespace userclient::internal
