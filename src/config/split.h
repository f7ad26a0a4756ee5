#pragma once

#include <string>

#include "config/json_reader.h"

namespace userclient::internal {

/// The part of a checked service config that gRPC's channel executes, as JSON: load balancing, health checking, waitForReady and
/// the limits on message sizes. Nothing that userclient executes is in it, and equal configs give equal text.
///
/// An entry of `methodConfig` of which nothing is left is dropped, unless it keeps a broader entry away from its methods.
std::string ChannelJson(const Json& service_config);

}  // namespace userclient::internal
