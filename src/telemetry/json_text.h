#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

namespace userclient::internal {

inline double Seconds(std::chrono::nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }

/// On one line. What is no UTF-8, in a message of a server for example, is replaced.
inline std::string Line(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace userclient::internal
