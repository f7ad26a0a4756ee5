#include "config/userclient_reader.h"

#include "config/bulkhead_reader.h"
#include "config/field_tables.h"
#include "config/method_extras_reader.h"
#include "config/object_reader.h"

namespace userclient::internal {

void ReadUserclient(const Json& json, const Path& path, ServiceConfig& config, Problems& problems) {
  const ObjectReader reader(json, kUserclientSpec, path, problems);
  config.dns_refresh = reader.Duration("dnsRefresh").value_or(config.dns_refresh);
  if (const Json* list = reader.Value("bulkheads")) {
    config.bulkheads = ReadBulkheads(*list, reader.PathTo("bulkheads"), problems);
  }
  if (const Json* list = reader.Value("methods")) {
    config.extras = ReadMethodExtras(*list, reader.PathTo("methods"), problems);
  }
}

}  // namespace userclient::internal
