#pragma once

#include "absl/status/statusor.h"
#include "global_options.h"
#include "userclient/user_client.h"

namespace userctl {

/// The client that the flags ask for. *Errors:* those of UserClient::Create, in terms of the flags.
absl::StatusOr<userclient::UserClient> Connect(const GlobalOptions& options);

}  // namespace userctl
