#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "config/duration.h"
#include "config/method_names.h"
#include "config/problems.h"
#include "config/text.h"
#include "userclient/service_config.h"

namespace userclient {
namespace {

using internal::Concat;
using internal::FormatDuration;
using internal::Path;

class Advisor {
 public:
  explicit Advisor(const ServiceConfig& config) : config_(config) {}

  std::vector<std::string> Advise() && {
    AdviseOnLoadBalancing();
    for (size_t index = 0; index < config_.methods.size(); ++index) {
      const MethodConfig& method = config_.methods[index];
      if (method.retry_policy.has_value()) AdviseOnRetries(method, Path().Key("methodConfig").At(index));
    }
    AdviseOnThrottling();
    for (size_t index = 0; index < config_.extras.size(); ++index) {
      AdviseOnExtras(config_.extras[index], Path().Key("userclient").Key("methods").At(index));
    }
    return std::move(notes_);
  }

 private:
  void Note(const Path& path, std::string_view what) { notes_.push_back(Concat(path.text(), ": ", what)); }

  void AdviseOnLoadBalancing() {
    const nlohmann::json channel = nlohmann::json::parse(config_.channel_json, nullptr, /*allow_exceptions=*/false);
    if (channel.contains("loadBalancingConfig") || channel.contains("loadBalancingPolicy")) return;
    Note(Path().Key("loadBalancingConfig"),
         "is not set: calls go to all addresses by turns, also to one that fails them all; outlier_detection_experimental, "
         "as in the shipped files, leaves it out");
  }

  void AdviseOnRetries(const MethodConfig& method, const Path& path) {
    const RetryPolicy& retry = *method.retry_policy;
    const Path policy = path.Key("retryPolicy");
    if (retry.initial_backoff > retry.max_backoff) {
      Note(policy.Key("initialBackoff"), "is longer than maxBackoff, so that every wait is maxBackoff");
    }
    if (retry.per_attempt_recv_timeout.has_value()) {
      if (!retry.retryable_status_codes.Contains(absl::StatusCode::kDeadlineExceeded)) {
        Note(policy.Key("perAttemptRecvTimeout"),
             "is set, but retryableStatusCodes lacks DEADLINE_EXCEEDED: an attempt that times out ends the call");
      }
      if (method.timeout.has_value() && *retry.per_attempt_recv_timeout >= *method.timeout) {
        Note(policy.Key("perAttemptRecvTimeout"),
             Concat("never fires: it is not shorter than the timeout of the whole call (", FormatDuration(*method.timeout), ")"));
      }
    }
    if (method.timeout.has_value() && ShortestWaits(retry) >= *method.timeout) {
      Note(policy.Key("maxAttempts"), Concat("the waits between ", std::to_string(retry.max_attempts), " attempts take at least ",
                                             FormatDuration(ShortestWaits(retry)), ", and the timeout of the whole call is ",
                                             FormatDuration(*method.timeout), ": the last attempts are never made"));
    }
  }

  // All waits of a call that makes every attempt, each as short as its random factor (0.8 to 1.2) allows.
  static std::chrono::nanoseconds ShortestWaits(const RetryPolicy& retry) {
    constexpr double kLeastJitter = 0.8;
    const auto longest = static_cast<double>(retry.max_backoff.count());
    double wait = static_cast<double>(retry.initial_backoff.count());
    double sum = 0;
    for (int retries = 1; retries < retry.max_attempts; ++retries) {
      sum += kLeastJitter * std::min(wait, longest);
      wait *= retry.backoff_multiplier;
    }
    constexpr double kForEver = 4e18;  // nanoseconds; more would not fit
    return std::chrono::nanoseconds(std::llround(std::min(sum, kForEver)));
  }

  void AdviseOnThrottling() {
    if (config_.retry_throttling.has_value()) return;
    bool retries = false;
    bool hedges = false;
    for (const MethodConfig& method : config_.methods) {
      retries = retries || method.retry_policy.has_value();
      hedges = hedges || method.hedging_policy.has_value();
    }
    constexpr std::string_view kRemedy = "; {\"maxTokens\": 100, \"tokenRatio\": 0.5} limits them";
    const Path path = Path().Key("retryThrottling");
    if (retries) Note(path, Concat("is not set: when every server fails, retries multiply the load", kRemedy));
    if (hedges) Note(path, Concat("is not set: when every server is slow, hedges multiply the load", kRemedy));
  }

  void AdviseOnExtras(const MethodExtras& extras, const Path& path) {
    if (extras.hedging_delay_percentile.has_value()) AdviseOnPercentile(extras, path.Key("hedgingDelayPercentile"));
    constexpr std::chrono::hours kOld(1);
    if (extras.stale_if_error.has_value() && extras.stale_if_error->max_age > kOld) {
      Note(path.Key("staleIfError").Key("maxAge"), Concat("is ", FormatDuration(extras.stale_if_error->max_age),
                                                          ": answers that are more than an hour old are rarely meant"));
    }
  }

  void AdviseOnPercentile(const MethodExtras& extras, const Path& path) {
    constexpr std::chrono::milliseconds kShortest(1);  // no delay that follows the latencies is shorter
    for (const MethodName& name : extras.names) {
      const MethodConfig* method = config_.FindMethod(name.service, name.method);
      if (method == nullptr || !method->hedging_policy.has_value() || method->hedging_policy->hedging_delay > kShortest) continue;
      Note(path, Concat("does nothing for ", internal::ToString(name), ": hedgingDelay is its upper bound, and that is ",
                        FormatDuration(method->hedging_policy->hedging_delay)));
    }
  }

  const ServiceConfig& config_;
  std::vector<std::string> notes_;
};

}  // namespace

std::vector<std::string> Advise(const ServiceConfig& config) { return Advisor(config).Advise(); }

}  // namespace userclient
