#pragma once

/// What a client notices between calls, for logs and alarms. ClientOptions::on_event is told.

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "userclient/endpoints.h"

namespace userclient {

struct ClientEvent {
  enum class Kind {
    /// The service config was replaced: calls that begin from now on go by version `config_version`.
    kConfigReloaded = 1,
    /// The file of the service config has changed and cannot be used; `status` says why. Everything stays as it was. Told once
    /// for each content.
    kConfigRefused = 2,
    /// The files of the credentials have changed; channels with the new ones are being made.
    kCredentialsReloaded = 3,
    /// They have changed and cannot be used; `status` says why. Everything stays as it was. Told once for each content.
    kCredentialsRefused = 4,
    /// The name of the target has other addresses now: `endpoints`. Channels that know them are being made.
    kEndpointsChanged = 5,
    /// The name of the target could not be looked up; `status` says why. The addresses that were last known stay in use. Told
    /// once for each row of failures.
    kLookupFailed = 6,
    /// All channels have been replaced by ones with the new addresses, credentials or config.
    kChannelsRenewed = 7,
    /// For 10 s now new channels have found no connection; calls go on over the old ones. They will be used once
    /// they can be.
    kRenewalDelayed = 8,
  };

  Kind kind = Kind::kConfigReloaded;
  /// The file, or the target, that it is about.
  std::string subject{};
  absl::Status status{};
  Endpoints endpoints{};
  int config_version = 0;
};

/// "config refused": for people.
std::string_view ClientEventName(ClientEvent::Kind kind);
/// "config_refused": for machines. The word of logs and metrics.
std::string_view ClientEventLabel(ClientEvent::Kind kind);

/// "config refused: /etc/users.json: methodConfig[0].timeout: must be more than 0": one line for a log.
std::string Describe(const ClientEvent& event);

/// Told one event at a time, on a thread of the client's own, with no lock held. It must not block for long, because nothing else
/// is noticed meanwhile, and not throw. Blocking calls of the client are refused in it.
using ClientListener = std::function<void(const ClientEvent& event)>;

}  // namespace userclient
