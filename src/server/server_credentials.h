#pragma once

#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "server/server_identity.h"

namespace userclient::internal {

/// Credentials of a server that shows this and asks for client certificates if it names authorities. For a server that is built
/// within a TlsContextAdoption.
std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(const ServerTlsMaterial& material);

}  // namespace userclient::internal
