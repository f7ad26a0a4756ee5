#pragma once

#include <grpcpp/security/credentials.h>

#include <memory>

#include "absl/status/status.h"
#include "transport/token_cache.h"

namespace userclient::internal {

/// Puts the token of a cache into every call over a channel; gRPC does so over encrypted connections only. A call for which there
/// is a token costs no thread; one that has to wait for it waits on one of gRPC's, of which these credentials have one for each
/// core: they should be made once.
///
/// An attempt for which there is no token ends as UNAVAILABLE, whatever the code: gRPC 1.51 knows no other for plugins.
std::shared_ptr<grpc::CallCredentials> MakeBearerTokenCredentials(std::shared_ptr<TokenCache> tokens);

/// Whether an attempt has ended because there was no token to send: nothing has left, and no server is to blame.
bool EndedWithoutToken(const absl::Status& status);

}  // namespace userclient::internal
