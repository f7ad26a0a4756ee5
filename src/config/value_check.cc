#include "config/value_check.h"

#include <exception>
#include <string>

#include "config/json_reader.h"
#include "config/load_balancing_check.h"
#include "config/problems.h"
#include "config/service_config_reader.h"
#include "config/text.h"
#include "config/written_config.h"

namespace userclient::internal {
namespace {

/// What it is besides, gRPC itself will say.
void CheckChannelJson(const std::string& text, Problems& problems) {
  constexpr char kKey[] = "loadBalancingConfig";
  Problems of_grpc;
  const absl::StatusOr<Json> json = ReadJson(text, of_grpc);
  if (!json.ok() || !json->is_object() || !json->contains(kKey) || !json->at(kKey).is_array()) return;
  CheckLoadBalancing(json->at(kKey), Path().Key("channel_json").Key(kKey), problems);
}

}  // namespace

absl::Status CheckValues(const ServiceConfig& config) {
  // The JSON library speaks in exceptions; none may leave.
  try {
    Problems problems;
    ReadServiceConfig(WrittenConfig(config), problems);
    CheckChannelJson(config.channel_json, problems);
    return problems.ToStatus();
  } catch (const std::exception& error) {
    return absl::InternalError(Concat("the service config could not be checked: ", error.what()));
  }
}

}  // namespace userclient::internal
