#include "call/plan_maker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "call/attempt_rules.h"

namespace userclient::internal {
namespace {

constexpr char kUnclaimed[] = "default";

/// For the compartment of what no bulkhead claims.
const BulkheadConfig& Unclaimed() {
  static const auto* const config = new BulkheadConfig{.name = kUnclaimed};
  return *config;
}

/// Somebody has made calls by it.
bool InUse(const PlanBook& book) {
  return std::any_of(book.compartments.begin(), book.compartments.end(), [](const auto& named) {
    const auto channels = named.second->channels().channels();
    return std::any_of(channels.begin(), channels.end(),
                       [](const auto& channel) { return channel.connectivity != GRPC_CHANNEL_IDLE; });
  });
}

std::shared_ptr<RetryThrottle> ThrottleFor(const ServiceConfig& config, const PlanBook* before) {
  if (!config.retry_throttling) return nullptr;
  if (before == nullptr || before->throttle == nullptr) return std::make_shared<RetryThrottle>(*config.retry_throttling);
  if (before->throttle->options() == *config.retry_throttling) return before->throttle;
  return std::make_shared<RetryThrottle>(*config.retry_throttling, *before->throttle);
}

std::shared_ptr<StaleCache> CacheFor(const MethodExtras& extras, const AnswerPlan* before) {
  if (!extras.stale_if_error) return nullptr;
  if (before == nullptr || before->stale == nullptr) return std::make_shared<StaleCache>(*extras.stale_if_error);
  before->stale->SetOptions(*extras.stale_if_error);
  return before->stale;
}

std::shared_ptr<SingleFlight> FlightsFor(const MethodExtras& extras, const AnswerPlan* before) {
  if (!extras.single_flight) return nullptr;
  return before != nullptr && before->flights != nullptr ? before->flights : std::make_shared<SingleFlight>();
}

std::shared_ptr<LatencyWindow> LatenciesFor(const MethodExtras* extras, const MethodPlan* before) {
  if (extras == nullptr || !extras->hedging_delay_percentile) return nullptr;
  if (before == nullptr || before->latencies == nullptr) {
    return std::make_shared<LatencyWindow>(*extras->hedging_delay_percentile);
  }
  before->latencies->SetPercentile(*extras->hedging_delay_percentile);
  return before->latencies;
}

}  // namespace

PlanMaker::PlanMaker(const ClientOptions& options, const google::protobuf::ServiceDescriptor& service, ChannelSpec channels,
                     StubFactory make_stub, std::shared_ptr<const ClientObservers> observers)
    : service_(service),
      default_timeout_(options.default_timeout),
      fallbacks_(options.fallbacks),
      on_circuit_change_(TellAll(options.on_circuit_change, observers)),
      make_stub_(std::move(make_stub)),
      observers_(std::move(observers)),
      trouble_(options.credentials ? std::make_shared<ConnectionTrouble>(options.target, *options.credentials) : nullptr),
      channels_(std::move(channels)) {
  for (int i = 0; i < service.method_count(); ++i) {
    methods_.push_back({.service = std::string(service.full_name()), .method = std::string(service.method(i)->name())});
  }
}

absl::StatusOr<std::shared_ptr<const PlanBook>> PlanMaker::Make(ServiceConfig config, int version, const PlanBook* before) {
  // Everything that can fail comes first.
  absl::StatusOr<Pools> pools = NewPools(config, before);
  if (!pools.ok()) return pools.status();

  auto book = std::make_shared<PlanBook>();
  book->version = version;
  book->config = std::move(config);
  book->throttle = ThrottleFor(book->config, before);
  for (const BulkheadConfig& bulkhead : book->config.bulkheads) {
    book->compartments.emplace(bulkhead.name, CompartmentFor(book->config, &bulkhead, *pools, before));
  }
  book->compartments.emplace(kUnclaimed, CompartmentFor(book->config, nullptr, *pools, before));
  book->plans.reserve(methods_.size());
  for (size_t i = 0; i < methods_.size(); ++i) {
    const bool known = before != nullptr && i < before->plans.size();
    book->plans.push_back(PlanFor(*book, methods_[i], known ? &before->plans[i] : nullptr));
  }
  return book;
}

// ---- Compartments

absl::StatusOr<PlanMaker::Pools> PlanMaker::NewPools(const ServiceConfig& config, const PlanBook* before) {
  Pools pools;
  const auto add = [&](const std::string& name, const BulkheadConfig* bulkhead) {
    if (before != nullptr && before->compartments.contains(name)) return absl::OkStatus();
    absl::StatusOr<std::unique_ptr<ChannelPool>> pool =
        ChannelPool::Create(SpecFor(config, bulkhead, next_pool_number_), make_stub_);
    if (!pool.ok()) return pool.status();
    // Numbers are never used again, so that nobody shares connections who should not.
    next_pool_number_ += ChannelPool::kMostChannels;
    if (before != nullptr && InUse(*before)) (*pool)->Connect();
    pools.emplace(name, *std::move(pool));
    return absl::OkStatus();
  };
  for (const BulkheadConfig& bulkhead : config.bulkheads) {
    if (absl::Status status = add(bulkhead.name, &bulkhead); !status.ok()) return status;
  }
  if (absl::Status status = add(kUnclaimed, nullptr); !status.ok()) return status;
  return pools;
}

ChannelSpec PlanMaker::SpecFor(const ServiceConfig& config, const BulkheadConfig* bulkhead, int first_pool_number) const {
  const BulkheadConfig& sizes = bulkhead == nullptr ? Unclaimed() : *bulkhead;
  ChannelSpec spec = channels_;
  spec.service_config_json = config.channel_json;
  spec.first_pool_number = first_pool_number;
  spec.count = sizes.channels;
  spec.max_count = std::max(sizes.channels, sizes.max_channels);
  spec.transparent_retries = !RetriesEverythingOf(config, bulkhead);
  return spec;
}

bool PlanMaker::RetriesEverythingOf(const ServiceConfig& config, const BulkheadConfig* bulkhead) const {
  bool everything = false;
  const std::string service(service_.full_name());
  for (const MethodName& method : methods_) {
    // One that was added, such as a health check, may travel in any compartment: whoever asks it asks again.
    if (method.service != service) continue;
    if (config.FindBulkhead(method.service, method.method) != bulkhead) continue;
    const MethodConfig* method_config = config.FindMethod(method.service, method.method);
    if (method_config == nullptr || !method_config->retry_policy ||
        !method_config->retry_policy->retryable_status_codes.Contains(absl::StatusCode::kUnavailable)) {
      return false;
    }
    everything = true;
  }
  return everything;
}

std::shared_ptr<Compartment> PlanMaker::CompartmentFor(const ServiceConfig& config, const BulkheadConfig* bulkhead,
                                                       const Pools& pools, const PlanBook* before) const {
  const BulkheadConfig& limits = bulkhead == nullptr ? Unclaimed() : *bulkhead;
  if (const auto added = pools.find(limits.name); added != pools.end()) {
    return std::make_shared<Compartment>(limits, added->second, on_circuit_change_);
  }
  const std::shared_ptr<Compartment>& old = before->compartments.find(limits.name)->second;
  const ChannelSpec present = old->channels().spec();
  const ChannelSpec wanted = SpecFor(config, bulkhead, present.first_pool_number);
  if (present != wanted) old->channels().Renew(wanted);
  if (old->config() == limits) return old;
  auto heir = std::make_shared<Compartment>(limits, *old, Now());
  old->HandOverTo(heir);
  return heir;
}

// ---- Methods

MethodPlan PlanMaker::PlanFor(const PlanBook& book, const MethodName& method, const MethodPlan* before) const {
  const MethodConfig* method_config = book.config.FindMethod(method.service, method.method);
  const BulkheadConfig* bulkhead = book.config.FindBulkhead(method.service, method.method);
  MethodPlan plan = {
      .name = absl::StrCat(method.service, "/", method.method),
      .timeout = default_timeout_,
      .throttle = book.throttle,
      .compartment = book.compartments.find(bulkhead == nullptr ? kUnclaimed : bulkhead->name)->second,
      .trouble = trouble_,
      .observers = observers_,
  };
  if (method_config != nullptr) {
    if (method_config->timeout) plan.timeout = *method_config->timeout;
    plan.retry_policy = method_config->retry_policy;
    plan.hedging_policy = method_config->hedging_policy;
  }
  if (plan.hedging_policy) plan.latencies = LatenciesFor(book.config.FindExtras(method.service, method.method), before);
  plan.judged_by = plan.retry_policy;
  if (plan.hedging_policy) plan.judged_by = RetryPolicy{.retryable_status_codes = plan.hedging_policy->non_fatal_status_codes};
  plan.answers = AnswersFor(book, method, before == nullptr ? nullptr : before->answers.get());
  return plan;
}

std::shared_ptr<const AnswerPlan> PlanMaker::AnswersFor(const PlanBook& book, const MethodName& method,
                                                        const AnswerPlan* before) const {
  AnswerPlan answers;
  const auto fallback = fallbacks_.find(method.method);
  if (fallback != fallbacks_.end() && method.service == std::string(service_.full_name())) answers.fallback = fallback->second;
  if (const MethodExtras* extras = book.config.FindExtras(method.service, method.method)) {
    answers.stale = CacheFor(*extras, before);
    answers.flights = FlightsFor(*extras, before);
  }
  const bool any = answers.fallback || answers.stale != nullptr || answers.flights != nullptr;
  return any ? std::make_shared<const AnswerPlan>(std::move(answers)) : nullptr;
}

}  // namespace userclient::internal
