#include "config/xds_bootstrap_check.h"

#include <exception>

#include "absl/status/statusor.h"
#include "config/json_reader.h"
#include "config/problems.h"
#include "config/text.h"

namespace userclient::internal {

absl::Status CheckXdsBootstrap(std::string_view place, std::string_view text) {
  // The JSON library speaks in exceptions; none may leave.
  try {
    constexpr char kServers[] = "xds_servers";
    Problems of_grpc;
    const absl::StatusOr<Json> json = ReadJson(text, of_grpc);
    const bool has_list = json.ok() && json->is_object() && json->contains(kServers) && json->at(kServers).is_array();
    if (!has_list || !json->at(kServers).empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(Concat(place, ": xds_servers: must not be empty"));
  } catch (const std::exception& error) {
    return absl::InternalError(Concat(place, ": could not be checked: ", error.what()));
  }
}

}  // namespace userclient::internal
