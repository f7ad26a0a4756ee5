#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "userclient/call_options.h"

namespace userclient::internal {

/// Whether gRPC can send these pairs; it ends the process over one that it cannot. *Errors:* INVALID_ARGUMENT naming the pair.
absl::Status CheckMetadata(const Metadata& metadata);

/// The same of one pair.
bool CanBeSent(std::string_view key, std::string_view value);

}  // namespace userclient::internal
