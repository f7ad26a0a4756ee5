#include "config/retry_throttling_reader.h"

#include <cmath>
#include <optional>

#include "config/field_tables.h"
#include "config/object_reader.h"
#include "config/text.h"

namespace userclient::internal {

RetryThrottling ReadRetryThrottling(const Json& json, const Path& path, Problems& problems) {
  const ObjectReader reader(json, kRetryThrottlingSpec, path, problems);
  RetryThrottling throttling;
  throttling.max_tokens = reader.Integer("maxTokens").value_or(throttling.max_tokens);
  if (const std::optional<double> ratio = reader.Number("tokenRatio")) {
    throttling.milli_token_ratio = static_cast<int>(std::lround(*ratio * 1000));
    // The nearest double to k/1000 is what both the division and the text "0.1" give, so the comparison is exact.
    if (throttling.milli_token_ratio / 1000.0 != *ratio) {
      problems.Add(reader.PathTo("tokenRatio"),
                   Concat("must have at most 3 decimals, not as many as ", Describe(*reader.Value("tokenRatio"))));
    }
  }
  return throttling;
}

}  // namespace userclient::internal
