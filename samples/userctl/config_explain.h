#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "userclient/service_config.h"

namespace userctl {

// What a config that UserClient::CheckConfig takes means for every method of the service, and where each value stands in it.
// `file` is the name of the file that it was read from; nullopt for the config that is built in.

/// Tables for people, in lines of `width` characters where that can be. No newline at the end.
std::string ExplainText(const userclient::ServiceConfig& config, const std::optional<std::string>& file, size_t width);

/// One JSON object on one line. Every key is always there; what is not set is null. Durations are in milliseconds, and `*_from`
/// is a path in the config, or "default".
std::string ExplainJson(const userclient::ServiceConfig& config, const std::optional<std::string>& file);

}  // namespace userctl
