#pragma once

#include <grpcpp/security/server_credentials.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "userclient/server/user_server.h"

namespace userclient::internal {

/// Reads the files. *Errors:* by file name: not readable, no PEM.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(const std::optional<ServerTlsFiles>& tls);

/// Reads the token: the only line of the file. *Errors:* by file name: not readable, empty, more than a token.
absl::StatusOr<std::string> ReadTokenFile(const std::filesystem::path& file);

}  // namespace userclient::internal
