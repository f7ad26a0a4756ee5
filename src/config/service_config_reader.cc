#include "config/service_config_reader.h"

#include "config/field_tables.h"
#include "config/method_config_reader.h"
#include "config/object_reader.h"
#include "config/retry_throttling_reader.h"
#include "config/userclient_reader.h"

namespace userclient::internal {

ServiceConfig ReadServiceConfig(const Json& json, Problems& problems) {
  const ObjectReader reader(json, kServiceConfigSpec, Path(), problems);
  ServiceConfig config;
  if (const Json* list = reader.Value("methodConfig")) {
    config.methods = ReadMethodConfigs(*list, reader.PathTo("methodConfig"), problems);
  }
  if (const Json* throttling = reader.Value("retryThrottling")) {
    config.retry_throttling = ReadRetryThrottling(*throttling, reader.PathTo("retryThrottling"), problems);
  }
  if (const Json* health = reader.Value("healthCheckConfig")) {
    // Executed by gRPC; only checked here.
    ObjectReader(*health, kHealthCheckConfigSpec, reader.PathTo("healthCheckConfig"), problems);
  }
  if (const Json* userclient = reader.Value("userclient")) {
    ReadUserclient(*userclient, reader.PathTo("userclient"), config, problems);
  }
  return config;
}

}  // namespace userclient::internal
