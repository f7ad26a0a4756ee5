#pragma once

#include <string>

#include "userclient/client_events.h"

namespace userctl {

/// What the client noticed, as one line for people: `userctl: config reloaded: users.json is version 2`. No newline at the end.
std::string EventText(const userclient::ClientEvent& event);

/// {"event": {"kind", "subject", "config_version", "endpoints", "code", "message"}} on one line; what does not apply is left out.
std::string EventJson(const userclient::ClientEvent& event);

}  // namespace userctl
