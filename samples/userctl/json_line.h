#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace userctl {

/// A document on one line of ASCII, so that nothing in it can disturb a terminal; bytes that are not UTF-8 become U+FFFD.
inline std::string JsonLine(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/true, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace userctl
