#include "config/bulkhead_reader.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "config/adaptive_limit_reader.h"
#include "config/circuit_breaker_reader.h"
#include "config/field_order.h"
#include "config/field_tables.h"
#include "config/method_names.h"
#include "config/object_reader.h"
#include "config/text.h"

namespace userclient::internal {
namespace {

// The compartment of the methods that no bulkhead claims.
constexpr std::string_view kReservedName = "default";

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

class BulkheadReader {
 public:
  explicit BulkheadReader(Problems& problems) : problems_(problems), methods_(problems) {}

  BulkheadConfig Read(const Json& json, const Path& path) {
    const ObjectReader reader(json, kBulkheadSpec, path, problems_);
    BulkheadConfig bulkhead;
    if (std::optional<std::string> name = reader.String("name")) {
      bulkhead.name = *name;
      ClaimName(*name, reader.PathTo("name"));
    }
    if (const Json* methods = reader.Value("methods")) bulkhead.methods = methods_.Read(*methods, reader.PathTo("methods"));
    bulkhead.channels = reader.Integer("channels").value_or(bulkhead.channels);
    bulkhead.max_channels = reader.Integer("maxChannels").value_or(bulkhead.channels);
    CheckAtLeast(reader, {"maxChannels", bulkhead.max_channels}, {"channels", bulkhead.channels});
    ReadLimit(reader, bulkhead);
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

  void ReadLimit(const ObjectReader& reader, BulkheadConfig& bulkhead) {
    bulkhead.max_concurrent_calls = reader.Integer("maxConcurrentCalls");
    if (const Json* limit = reader.Value("adaptiveLimit")) {
      bulkhead.adaptive_limit = ReadAdaptiveLimit(*limit, reader.PathTo("adaptiveLimit"), problems_);
    }
    bulkhead.max_wait = reader.Duration("maxWait").value_or(bulkhead.max_wait);
    if (reader.Has("maxConcurrentCalls") && reader.Has("adaptiveLimit")) {
      problems_.Add(reader.path(), "has both maxConcurrentCalls and adaptiveLimit; keep one");
    }
    if (reader.Has("maxWait") && !reader.Has("maxConcurrentCalls") && !reader.Has("adaptiveLimit")) {
      problems_.Add(reader.PathTo("maxWait"), "means nothing without a limit; set maxConcurrentCalls or adaptiveLimit too");
    }
  }

  Problems& problems_;
  MethodNamesReader methods_;
  std::map<std::string, Path> names_;
};

}  // namespace

std::vector<BulkheadConfig> ReadBulkheads(const Json& list, const Path& path, Problems& problems) {
  BulkheadReader reader(problems);
  std::vector<BulkheadConfig> bulkheads;
  for (size_t index = 0; index < list.size(); ++index) bulkheads.push_back(reader.Read(list[index], path.At(index)));
  return bulkheads;
}

}  // namespace userclient::internal
