#include "config/userclient_reader.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "config/duration.h"
#include "config/field_tables.h"
#include "config/method_names.h"
#include "config/object_reader.h"
#include "config/text.h"

namespace userclient::internal {
namespace {

// The compartment of the methods that no bulkhead claims.
constexpr std::string_view kReservedName = "default";

CircuitBreakerOptions ReadCircuitBreaker(const Json& json, const Path& path, Problems& problems) {
  const ObjectReader reader(json, kCircuitBreakerSpec, path, problems);
  CircuitBreakerOptions options;
  options.window = reader.Duration("window").value_or(options.window);
  options.minimum_calls = reader.Integer("minimumCalls").value_or(options.minimum_calls);
  options.failure_ratio = reader.Number("failureRatio").value_or(options.failure_ratio);
  options.open_duration = reader.Duration("openDuration").value_or(options.open_duration);
  options.max_open_duration = reader.Duration("maxOpenDuration").value_or(options.max_open_duration);
  options.half_open_probes = reader.Integer("halfOpenProbes").value_or(options.half_open_probes);

  const bool both_readable = reader.Has("openDuration") == reader.Duration("openDuration").has_value() &&
                             reader.Has("maxOpenDuration") == reader.Duration("maxOpenDuration").has_value();
  if (both_readable && options.max_open_duration < options.open_duration) {
    problems.Add(reader.PathTo("maxOpenDuration"),
                 Concat("must be at least openDuration (", FormatDuration(options.open_duration), "); it is ",
                        FormatDuration(options.max_open_duration), reader.Has("maxOpenDuration") ? "" : " unless set"));
  }
  return options;
}

// Whether a bulkhead may have this name, whatever the others are called.
bool CheckName(std::string_view name, const Path& path, Problems& problems) {
  const auto may_be_in_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  if (name.empty() || !std::all_of(name.begin(), name.end(), may_be_in_name)) {
    problems.Add(path, Concat("must be made of letters, digits, '_' and '-', not ", Quote(name)));
    return false;
  }
  if (name == kReservedName) {
    problems.Add(path, "\"default\" is the name of the compartment of all methods that no bulkhead lists; choose another");
    return false;
  }
  return true;
}

class BulkheadsReader {
 public:
  explicit BulkheadsReader(Problems& problems) : problems_(problems), methods_(problems) {}

  BulkheadConfig Read(const Json& json, const Path& path) {
    const ObjectReader reader(json, kBulkheadSpec, path, problems_);
    BulkheadConfig bulkhead;
    if (std::optional<std::string> name = reader.String("name")) {
      bulkhead.name = *name;
      ClaimName(*name, reader.PathTo("name"));
    }
    if (const Json* methods = reader.Value("methods")) bulkhead.methods = methods_.Read(*methods, reader.PathTo("methods"));
    bulkhead.channels = reader.Integer("channels").value_or(bulkhead.channels);
    bulkhead.max_concurrent_calls = reader.Integer("maxConcurrentCalls");
    bulkhead.max_wait = reader.Duration("maxWait").value_or(bulkhead.max_wait);
    if (reader.Has("maxWait") && !reader.Has("maxConcurrentCalls")) {
      problems_.Add(reader.PathTo("maxWait"), "means nothing without maxConcurrentCalls; set both or neither");
    }
    if (const Json* breaker = reader.Value("circuitBreaker")) {
      bulkhead.circuit_breaker = ReadCircuitBreaker(*breaker, reader.PathTo("circuitBreaker"), problems_);
    }
    return bulkhead;
  }

 private:
  void ClaimName(const std::string& name, const Path& path) {
    if (!CheckName(name, path, problems_)) return;
    const auto [first, is_new] = names_.try_emplace(name, path);
    if (!is_new) problems_.Add(path, Concat(Quote(name), " already stands at ", first->second.text()));
  }

  Problems& problems_;
  MethodNamesReader methods_;
  std::map<std::string, Path> names_;
};

}  // namespace

void ReadUserclient(const Json& json, const Path& path, ServiceConfig& config, Problems& problems) {
  const ObjectReader reader(json, kUserclientSpec, path, problems);
  config.dns_refresh = reader.Duration("dnsRefresh").value_or(config.dns_refresh);
  const Json* list = reader.Value("bulkheads");
  if (list == nullptr) return;
  BulkheadsReader bulkheads(problems);
  for (size_t index = 0; index < list->size(); ++index) {
    config.bulkheads.push_back(bulkheads.Read((*list)[index], reader.PathTo("bulkheads").At(index)));
  }
}

}  // namespace userclient::internal
