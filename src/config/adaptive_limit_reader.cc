#include "config/adaptive_limit_reader.h"

#include <string_view>

#include "config/field_order.h"
#include "config/field_tables.h"
#include "config/object_reader.h"
#include "config/text.h"

namespace userclient::internal {
namespace {

using Algorithm = AdaptiveLimitOptions::Algorithm;

// A field that another algorithm would ignore is refused beside it.
void CheckOnlyFor(const ObjectReader& reader, std::string_view key, Algorithm has, Algorithm needs) {
  if (!reader.Has(key) || !reader.IsSound("algorithm") || has == needs) return;
  const auto name = [](Algorithm algorithm) { return Quote(algorithm == Algorithm::kAimd ? kAimd : kGradient); };
  reader.problems().Add(reader.PathTo(key),
                        Concat("means nothing to the algorithm ", name(has), reader.Has("algorithm") ? "" : ", the default",
                               "; only ", name(needs), " has it"));
}

}  // namespace

AdaptiveLimitOptions ReadAdaptiveLimit(const Json& json, const Path& path, Problems& problems) {
  const ObjectReader reader(json, kAdaptiveLimitSpec, path, problems);
  AdaptiveLimitOptions options;
  if (reader.String("algorithm") == kAimd) options.algorithm = Algorithm::kAimd;
  options.initial = reader.Integer("initialLimit").value_or(options.initial);
  options.minimum = reader.Integer("minLimit").value_or(options.minimum);
  options.maximum = reader.Integer("maxLimit").value_or(options.maximum);
  options.window = reader.Duration("window").value_or(options.window);
  options.minimum_samples = reader.Integer("minimumSamples").value_or(options.minimum_samples);
  options.drop_ratio = reader.Number("dropRatio").value_or(options.drop_ratio);
  options.timeout = reader.Duration("timeout").value_or(options.timeout);
  options.remeasure_every = reader.Duration("remeasureEvery");

  CheckAtLeast(reader, {"initialLimit", options.initial}, {"minLimit", options.minimum});
  CheckAtLeast(reader, {"maxLimit", options.maximum}, {"initialLimit", options.initial});
  CheckOnlyFor(reader, "timeout", options.algorithm, Algorithm::kAimd);
  CheckOnlyFor(reader, "remeasureEvery", options.algorithm, Algorithm::kGradient);
  if (options.remeasure_every.has_value()) {
    CheckMoreThan(reader, {"remeasureEvery", *options.remeasure_every}, {"window", options.window});
  }
  return options;
}

}  // namespace userclient::internal
