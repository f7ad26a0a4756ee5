#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "global_options.h"
#include "userclient/user_client.h"

namespace userctl {

/// The client that the flags ask for. *Errors:* those of UserClient::Create, in terms of the flags.
absl::StatusOr<userclient::UserClient> Connect(const GlobalOptions& options, userclient::CircuitListener on_circuit_change = {});

/// A client of one of the servers behind `options.target`, which is called over no other connection and goes by no service
/// config. `host`: the name that its certificate must be for. *Errors:* as Connect.
absl::StatusOr<userclient::UserClient> ConnectToOne(const GlobalOptions& options, const std::string& target,
                                                    const std::string& host);

/// Those of the flags.
userclient::Credentials CredentialsFor(const GlobalOptions& options);

/// The same, for a server whose certificate must be for `host`, unless --server-name says otherwise.
userclient::Credentials CredentialsFor(const GlobalOptions& options, const std::string& host);

/// *Errors:* INVALID_ARGUMENT if no target was given.
absl::Status CheckHasTarget(const GlobalOptions& options);

}  // namespace userctl
