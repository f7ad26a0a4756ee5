#include "config/method_config_reader.h"

#include <cstddef>

#include "config/field_tables.h"
#include "config/method_names.h"
#include "config/object_reader.h"

namespace userclient::internal {
namespace {

RetryPolicy ReadRetryPolicy(const Json& json, const Path& path, Problems& problems) {
  const ObjectReader reader(json, kRetryPolicySpec, path, problems);
  RetryPolicy policy;
  policy.max_attempts = reader.Integer("maxAttempts").value_or(policy.max_attempts);
  policy.initial_backoff = reader.Duration("initialBackoff").value_or(policy.initial_backoff);
  policy.max_backoff = reader.Duration("maxBackoff").value_or(policy.max_backoff);
  policy.backoff_multiplier = reader.Number("backoffMultiplier").value_or(policy.backoff_multiplier);
  policy.per_attempt_recv_timeout = reader.Duration("perAttemptRecvTimeout");
  policy.retryable_status_codes = reader.StatusCodes("retryableStatusCodes").value_or(StatusCodeSet());
  return policy;
}

HedgingPolicy ReadHedgingPolicy(const Json& json, const Path& path, Problems& problems) {
  const ObjectReader reader(json, kHedgingPolicySpec, path, problems);
  HedgingPolicy policy;
  policy.max_attempts = reader.Integer("maxAttempts").value_or(policy.max_attempts);
  policy.hedging_delay = reader.Duration("hedgingDelay").value_or(policy.hedging_delay);
  policy.non_fatal_status_codes = reader.StatusCodes("nonFatalStatusCodes").value_or(StatusCodeSet());
  return policy;
}

MethodConfig ReadMethodConfig(const Json& json, const Path& path, MethodNamesReader& names, Problems& problems) {
  const ObjectReader reader(json, kMethodConfigSpec, path, problems);
  MethodConfig config;
  if (const Json* list = reader.Value("name")) config.names = names.Read(*list, reader.PathTo("name"));
  config.timeout = reader.Duration("timeout");
  if (const Json* policy = reader.Value("retryPolicy")) {
    config.retry_policy = ReadRetryPolicy(*policy, reader.PathTo("retryPolicy"), problems);
  }
  if (const Json* policy = reader.Value("hedgingPolicy")) {
    config.hedging_policy = ReadHedgingPolicy(*policy, reader.PathTo("hedgingPolicy"), problems);
  }
  if (reader.Has("retryPolicy") && reader.Has("hedgingPolicy")) {
    problems.Add(path, "has both retryPolicy and hedgingPolicy; keep one");
  }
  return config;
}

}  // namespace

std::vector<MethodConfig> ReadMethodConfigs(const Json& list, const Path& path, Problems& problems) {
  MethodNamesReader names(problems);
  std::vector<MethodConfig> configs;
  for (size_t index = 0; index < list.size(); ++index) {
    configs.push_back(ReadMethodConfig(list[index], path.At(index), names, problems));
  }
  return configs;
}

}  // namespace userclient::internal
