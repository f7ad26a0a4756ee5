#include "config/method_extras_reader.h"

#include <cstddef>

#include "config/field_tables.h"
#include "config/method_names.h"
#include "config/object_reader.h"

namespace userclient::internal {
namespace {

StaleIfErrorOptions ReadStaleIfError(const Json& json, const Path& path, Problems& problems) {
  const ObjectReader reader(json, kStaleIfErrorSpec, path, problems);
  StaleIfErrorOptions options;
  options.max_age = reader.Duration("maxAge").value_or(options.max_age);
  options.max_bytes = reader.LongInteger("maxBytes").value_or(options.max_bytes);
  return options;
}

MethodExtras ReadEntry(const Json& json, const Path& path, MethodNamesReader& names, Problems& problems) {
  const ObjectReader reader(json, kMethodExtrasSpec, path, problems);
  MethodExtras extras;
  if (const Json* list = reader.Value("name")) extras.names = names.Read(*list, reader.PathTo("name"));
  extras.hedging_delay_percentile = reader.Number("hedgingDelayPercentile");
  if (const Json* stale = reader.Value("staleIfError")) {
    extras.stale_if_error = ReadStaleIfError(*stale, reader.PathTo("staleIfError"), problems);
  }
  extras.single_flight = reader.Bool("singleFlight").value_or(extras.single_flight);
  // A misspelt setting is a problem of its own.
  if (reader.Has("name") && json.size() == 1) {
    problems.Add(path, "sets nothing; add hedgingDelayPercentile, staleIfError or singleFlight");
  }
  return extras;
}

}  // namespace

std::vector<MethodExtras> ReadMethodExtras(const Json& list, const Path& path, Problems& problems) {
  MethodNamesReader names(problems);
  std::vector<MethodExtras> extras;
  for (size_t index = 0; index < list.size(); ++index) {
    extras.push_back(ReadEntry(list[index], path.At(index), names, problems));
  }
  return extras;
}

}  // namespace userclient::internal
