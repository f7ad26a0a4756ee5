#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace profile_service {

using Json = nlohmann::ordered_json;

/// What an HTTP request is answered with.
struct Answer {
  int status = 200;
  std::string content_type = "application/json";
  std::string body{};
  std::vector<std::pair<std::string, std::string>> headers{};
  /// What the request log says besides.
  Json log = Json::object();
};

/// One line; text that is not UTF-8 is replaced, because it may come from anywhere.
inline std::string ToText(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

inline Answer JsonAnswer(int status, const Json& json) { return {.status = status, .body = ToText(json) + "\n"}; }

/// An error of HTTP's own, as RFC 9457 writes it. `detail` is read by the caller.
inline Answer Problem(int status, const std::string& title, const std::string& detail) {
  Answer answer = JsonAnswer(status, {{"title", title}, {"status", status}, {"detail", detail}});
  answer.content_type = "application/problem+json";
  return answer;
}

}  // namespace profile_service
