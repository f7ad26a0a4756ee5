#include "userclient/client_events.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace userclient {

std::string_view ClientEventName(ClientEvent::Kind kind) {
  switch (kind) {
    case ClientEvent::Kind::kConfigReloaded:
      return "config reloaded";
    case ClientEvent::Kind::kConfigRefused:
      return "config refused";
    case ClientEvent::Kind::kCredentialsReloaded:
      return "credentials reloaded";
    case ClientEvent::Kind::kCredentialsRefused:
      return "credentials refused";
    case ClientEvent::Kind::kEndpointsChanged:
      return "endpoints changed";
    case ClientEvent::Kind::kLookupFailed:
      return "lookup failed";
    case ClientEvent::Kind::kChannelsRenewed:
      return "channels renewed";
    case ClientEvent::Kind::kRenewalDelayed:
      return "renewal delayed";
  }
  return "unknown";
}

std::string Describe(const ClientEvent& event) {
  const std::string_view name = ClientEventName(event.kind);
  std::string line = absl::StrCat(std::string(name), ": ", event.subject);
  if (event.config_version > 0) absl::StrAppend(&line, " is version ", event.config_version);
  if (!event.endpoints.empty()) {
    std::vector<std::string> addresses = event.endpoints.ipv4;
    addresses.insert(addresses.end(), event.endpoints.ipv6.begin(), event.endpoints.ipv6.end());
    absl::StrAppend(&line, ": ", absl::StrJoin(addresses, ", "));
  }
  if (!event.status.ok()) absl::StrAppend(&line, ": ", std::string(event.status.message()));
  return line;
}

}  // namespace userclient
