#pragma once

#include <grpcpp/version_info.h>

namespace userclient::testing {

/// The oldest gRPC that is supported, whose ways the tests know exactly. Newer ones have others here and there: docs/versions.md.
constexpr bool kOldestGrpc = GRPC_CPP_VERSION_MAJOR == 1 && GRPC_CPP_VERSION_MINOR <= 51;

}  // namespace userclient::testing
