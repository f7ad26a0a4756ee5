#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/time/time.h"

namespace userclient::internal {

inline double Seconds(std::chrono::nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }

/// UTC, with milliseconds.
inline std::string TimeText(absl::Time time) { return absl::FormatTime("%E4Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone()); }

/// On one line. What is no UTF-8, in a message of a server for example, is replaced.
inline std::string Line(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace userclient::internal
