#include "config/advice.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>

#include "absl/status/status.h"
#include "config/duration.h"
#include "config/problems.h"
#include "config/text.h"

namespace userclient::internal {
namespace {

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
    AdviseOnWhatIsNotExecutedYet();
    return std::move(notes_);
  }

 private:
  void Note(const Path& path, std::string_view what) { notes_.push_back(Concat(path.text(), ": ", what)); }

  void AdviseOnLoadBalancing() {
    const nlohmann::json channel = nlohmann::json::parse(config_.channel_json, nullptr, /*allow_exceptions=*/false);
    if (channel.contains("loadBalancingConfig") || channel.contains("loadBalancingPolicy")) return;
    Note(Path().Key("loadBalancingConfig"),
         "is not set, so gRPC's pick_first sends every call to one address; [{\"round_robin\": {}}] uses them all");
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
    const bool retries = std::any_of(config_.methods.begin(), config_.methods.end(),
                                     [](const MethodConfig& method) { return method.retry_policy || method.hedging_policy; });
    if (!retries) return;
    Note(Path().Key("retryThrottling"),
         "is not set: when every server fails, retries multiply the load; {\"maxTokens\": 100, \"tokenRatio\": 0.1} limits them");
  }

  // The fields that wait for their engines. When one arrives, its lines go, here and in docs/service_config.md.
  void AdviseOnWhatIsNotExecutedYet() {
    constexpr std::string_view kNotYet = "is read and checked, but not executed in this release";
    for (size_t index = 0; index < config_.methods.size(); ++index) {
      if (config_.methods[index].hedging_policy.has_value()) {
        Note(Path().Key("methodConfig").At(index).Key("hedgingPolicy"), kNotYet);
      }
    }
    const Path userclient = Path().Key("userclient");
    if (config_.dns_refresh != ServiceConfig().dns_refresh) Note(userclient.Key("dnsRefresh"), kNotYet);
    for (size_t index = 0; index < config_.bulkheads.size(); ++index) {
      const BulkheadConfig& bulkhead = config_.bulkheads[index];
      const Path path = userclient.Key("bulkheads").At(index);
      if (bulkhead.max_concurrent_calls.has_value()) Note(path.Key("maxConcurrentCalls"), kNotYet);
      if (bulkhead.max_wait != std::chrono::nanoseconds::zero()) Note(path.Key("maxWait"), kNotYet);
      if (bulkhead.circuit_breaker.has_value()) Note(path.Key("circuitBreaker"), kNotYet);
    }
  }

  const ServiceConfig& config_;
  std::vector<std::string> notes_;
};

}  // namespace

std::vector<std::string> Advise(const ServiceConfig& config) { return Advisor(config).Advise(); }

}  // namespace userclient::internal
