#pragma once

#include <grpcpp/security/credentials.h>

#include <memory>

#include "absl/status/statusor.h"
#include "userclient/credentials.h"

namespace userclient::internal {

/// Reads the files and makes what gRPC needs. *Errors:* INVALID_ARGUMENT, NOT_FOUND or PERMISSION_DENIED naming the file.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(const Credentials& credentials);

}  // namespace userclient::internal
