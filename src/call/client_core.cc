#include "call/client_core.h"

#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "transport/credentials.h"
#include "userclient/internal/call_engine.h"

namespace userclient::internal {
namespace {

constexpr char kUnclaimed[] = "default";

absl::StatusOr<ServiceConfig> ReadConfig(const ClientOptions& options) {
  if (options.service_config_file && options.service_config_json) {
    return absl::InvalidArgumentError("service_config_file and service_config_json: give one of the two");
  }
  if (options.service_config_file) return ServiceConfig::Load(*options.service_config_file);
  if (options.service_config_json) return ServiceConfig::Parse(*options.service_config_json);
  return ServiceConfig::Default();
}

Idempotency IdempotencyOf(const google::protobuf::MethodDescriptor& method) {
  switch (method.options().idempotency_level()) {
    case google::protobuf::MethodOptions::NO_SIDE_EFFECTS:
      return Idempotency::kNoSideEffects;
    case google::protobuf::MethodOptions::IDEMPOTENT:
      return Idempotency::kIdempotent;
    default:
      return Idempotency::kUnknown;
  }
}

}  // namespace

ServiceContract ContractOf(const google::protobuf::ServiceDescriptor& service) {
  ServiceContract contract{.full_name = std::string(service.full_name())};
  for (int i = 0; i < service.method_count(); ++i) {
    const google::protobuf::MethodDescriptor& method = *service.method(i);
    contract.methods.push_back({.name = std::string(method.name()),
                                .idempotency = IdempotencyOf(method),
                                .streaming = method.client_streaming() || method.server_streaming()});
  }
  return contract;
}

absl::Status CheckConfigFor(const ServiceConfig& config, const google::protobuf::ServiceDescriptor& service) {
  if (absl::Status status = CheckAgainstService(config, ContractOf(service)); !status.ok()) return status;
  return CheckChannelConfig(config.channel_json);
}

ClientCore::ClientCore(ServiceConfig config, const ClientOptions& options, const google::protobuf::ServiceDescriptor& service)
    : config_(std::move(config)), default_timeout_(options.default_timeout), service_(service) {
  if (config_.retry_throttling) throttle_ = std::make_unique<RetryThrottle>(*config_.retry_throttling);
}

absl::StatusOr<std::shared_ptr<ClientCore>> ClientCore::Create(const ClientOptions& options,
                                                               const google::protobuf::ServiceDescriptor& service,
                                                               const StubFactory& make_stub) {
  if (!options.credentials) {
    return absl::InvalidArgumentError(
        "credentials: none given; use Credentials::Tls(), or Credentials::Insecure() if plain text is meant");
  }
  if (options.default_timeout <= std::chrono::nanoseconds::zero()) {
    return absl::InvalidArgumentError("default_timeout: must be more than 0, because no call is without a deadline");
  }
  absl::StatusOr<ServiceConfig> config = ReadConfig(options);
  if (!config.ok()) return config.status();
  if (absl::Status status = CheckConfigFor(*config, service); !status.ok()) return status;
  absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials = MakeChannelCredentials(*options.credentials);
  if (!credentials.ok()) return credentials.status();

  std::shared_ptr<ClientCore> core(new ClientCore(*std::move(config), options, service));
  const ChannelSpec common = {.target = options.target,
                              .credentials = *std::move(credentials),
                              .service_config_json = core->config_.channel_json,
                              .user_agent = options.user_agent};
  if (absl::Status status = core->AddCompartments(common, make_stub, options.on_circuit_change); !status.ok()) return status;
  for (int i = 0; i < service.method_count(); ++i) {
    core->plans_.push_back(core->PlanFor(std::string(service.full_name()), std::string(service.method(i)->name())));
  }
  return core;
}

bool ClientCore::RetriesEverythingOf(const BulkheadConfig* bulkhead) const {
  const std::string service(service_.full_name());
  bool everything = false;
  for (int i = 0; i < service_.method_count(); ++i) {
    const std::string method(service_.method(i)->name());
    if (config_.FindBulkhead(service, method) != bulkhead) continue;
    const MethodConfig* method_config = config_.FindMethod(service, method);
    if (method_config == nullptr || !method_config->retry_policy ||
        !method_config->retry_policy->retryable_status_codes.Contains(absl::StatusCode::kUnavailable)) {
      return false;
    }
    everything = true;
  }
  return everything;
}

absl::Status ClientCore::AddCompartments(const ChannelSpec& common, const StubFactory& make_stub,
                                         const CircuitListener& on_circuit_change) {
  ChannelSpec spec = common;
  const auto add = [&](const BulkheadConfig& config, const BulkheadConfig* claimed_by) {
    spec.count = config.channels;
    spec.max_count = std::max(config.channels, config.max_channels);
    spec.transparent_retries = !RetriesEverythingOf(claimed_by);
    absl::StatusOr<std::unique_ptr<ChannelPool>> pool = ChannelPool::Create(spec, make_stub);
    if (!pool.ok()) return pool.status();
    spec.first_pool_number += spec.largest();
    compartments_.emplace(config.name, std::make_unique<Compartment>(config, *std::move(pool), on_circuit_change));
    return absl::OkStatus();
  };
  for (const BulkheadConfig& bulkhead : config_.bulkheads) {
    if (absl::Status status = add(bulkhead, &bulkhead); !status.ok()) return status;
  }
  return add({.name = kUnclaimed}, nullptr);
}

int ClientCore::IndexOf(std::string_view method) const {
  const google::protobuf::MethodDescriptor* descriptor = service_.FindMethodByName(std::string(method));
  if (descriptor == nullptr) {
    std::cerr << "userclient: " << std::string(service_.full_name()) << " has no method " << method << std::endl;
    std::abort();
  }
  return descriptor->index();
}

MethodPlan ClientCore::PlanFor(std::string_view service, std::string_view method) const {
  const MethodConfig* method_config = config_.FindMethod(service, method);
  const BulkheadConfig* bulkhead = config_.FindBulkhead(service, method);
  MethodPlan plan = {
      .name = absl::StrCat(std::string(service), "/", std::string(method)),
      .timeout = default_timeout_,
      .throttle = throttle_.get(),
      .compartment = compartments_.find(bulkhead == nullptr ? kUnclaimed : bulkhead->name)->second.get(),
  };
  if (method_config != nullptr) {
    if (method_config->timeout) plan.timeout = *method_config->timeout;
    plan.retry_policy = method_config->retry_policy;
    plan.hedging_policy = method_config->hedging_policy;
  }
  const MethodExtras* extras = config_.FindExtras(service, method);
  if (plan.hedging_policy && extras != nullptr && extras->hedging_delay_percentile) {
    plan.latencies = std::make_unique<LatencyWindow>(*extras->hedging_delay_percentile);
  }
  plan.judged_by = plan.retry_policy;
  if (plan.hedging_policy) plan.judged_by = RetryPolicy{.retryable_status_codes = plan.hedging_policy->non_fatal_status_codes};
  return plan;
}

int ClientCore::AddMethod(std::string_view service, std::string_view method) {
  plans_.push_back(PlanFor(service, method));
  return static_cast<int>(plans_.size()) - 1;
}

bool ClientCore::WaitReady(TimePoint deadline) {
  // One after the other is enough: each begins to connect when it is its turn, and until then the others do not stand still
  // either, because all have been told to connect first.
  bool ready = true;
  for (const auto& [name, compartment] : compartments_) ready = compartment->channels().WaitReady(deadline) && ready;
  return ready;
}

absl::StatusOr<std::shared_ptr<ClientCore>> CreateCore(const ClientOptions& options, std::string_view service,
                                                       const StubFactory& make_stub) {
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  const google::protobuf::ServiceDescriptor* descriptor = pool->FindServiceByName(std::string(service));
  if (descriptor == nullptr) {
    return absl::InternalError(absl::StrCat("the proto of ", std::string(service), " is not linked into this program"));
  }
  return ClientCore::Create(options, *descriptor, make_stub);
}

namespace {

TimePoint After(std::chrono::nanoseconds timeout) {
  const TimePoint now = std::chrono::steady_clock::now();
  return now + std::min(timeout, TimePoint::max() - now);
}

}  // namespace

bool WaitReady(ClientCore& core, std::chrono::nanoseconds timeout) { return core.WaitReady(After(timeout)); }

bool Shutdown(ClientCore& core, std::chrono::nanoseconds timeout) { return core.gate().Close(After(timeout)); }

int MethodIndex(const ClientCore& core, std::string_view method) { return core.IndexOf(method); }

bool RunsSeveralAttempts(const ClientCore& core, int method) { return core.plan(method).hedging_policy.has_value(); }

}  // namespace userclient::internal
