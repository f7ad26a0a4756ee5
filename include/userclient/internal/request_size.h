#pragma once

#include <climits>

#include "absl/status/status.h"

namespace userclient::internal {

/// gRPC would fail here too, and leave its ClientContext in a state that ends the process when it is asked for metadata.
template <class Request>
absl::Status CheckSize(const Request& request) {
  if (request.ByteSizeLong() <= INT_MAX) return absl::OkStatus();
  return absl::InvalidArgumentError("the request is larger than the 2 GiB that protobuf can send");
}

}  // namespace userclient::internal
