#include "event.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "json_line.h"
#include "printable.h"

namespace userctl {

std::string EventText(const userclient::ClientEvent& event) {
  return absl::StrCat("userctl: ", Printable(userclient::Describe(event)));
}

std::string EventJson(const userclient::ClientEvent& event) {
  nlohmann::ordered_json json = {{"kind", userclient::ClientEventName(event.kind)}, {"subject", event.subject}};
  if (event.config_version > 0) json["config_version"] = event.config_version;
  if (!event.endpoints.empty()) json["endpoints"] = {{"ipv4", event.endpoints.ipv4}, {"ipv6", event.endpoints.ipv6}};
  if (!event.status.ok()) {
    json["code"] = absl::StatusCodeToString(event.status.code());
    json["message"] = std::string(event.status.message());
  }
  return JsonLine({{"event", std::move(json)}});
}

}  // namespace userctl
