#include "config/value_check.h"

#include <exception>

#include "config/problems.h"
#include "config/service_config_reader.h"
#include "config/text.h"
#include "config/written_config.h"

namespace userclient::internal {

absl::Status CheckValues(const ServiceConfig& config) {
  // The JSON library speaks in exceptions; none may leave.
  try {
    Problems problems;
    ReadServiceConfig(WrittenConfig(config), problems);
    return problems.ToStatus();
  } catch (const std::exception& error) {
    return absl::InternalError(Concat("the service config could not be checked: ", error.what()));
  }
}

}  // namespace userclient::internal
