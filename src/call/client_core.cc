#include "call/client_core.h"

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/message_lite.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <thread>
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

/// The last call may keep the core for longer than the application does, and end on a thread that brings gRPC's callbacks. With
/// the last channel of a process gRPC ends those threads, and waits for them: none may wait for itself.
void Destroy(const ClientCore* core) {
  if (CheckMayBlock().ok()) {
    delete core;
  } else {
    std::thread([core] { delete core; }).detach();
  }
}

/// *Errors:* INVALID_ARGUMENT naming the entry.
absl::Status CheckFallbacks(const std::map<std::string, Fallback>& fallbacks,
                            const google::protobuf::ServiceDescriptor& service) {
  for (const auto& [name, fallback] : fallbacks) {
    const auto wrong = [&name = name](const std::string& problem) {
      return absl::InvalidArgumentError(absl::StrCat("fallbacks[\"", name, "\"]: ", problem));
    };
    const google::protobuf::MethodDescriptor* method = service.FindMethodByName(name);
    if (method == nullptr) return wrong(absl::StrCat(std::string(service.full_name()), " has no such method"));
    if (method->client_streaming() || method->server_streaming()) return wrong("is a stream; only unary methods have fallbacks");
    if (!fallback) return wrong("is empty");
    const auto* fixed = fallback.target<FixedAnswer>();
    if (fixed == nullptr) continue;
    const std::string given(fixed->value().GetTypeName());
    const std::string wanted(method->output_type()->full_name());
    if (given != wanted) return wrong(absl::StrCat("gives a ", given, ", but the method answers with a ", wanted));
  }
  return absl::OkStatus();
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
  if (absl::Status status = CheckFallbacks(options.fallbacks, service); !status.ok()) return status;
  absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials = MakeChannelCredentials(*options.credentials);
  if (!credentials.ok()) return credentials.status();

  std::shared_ptr<ClientCore> core(new ClientCore(*std::move(config), options, service), Destroy);
  const ChannelSpec common = {.target = options.target,
                              .credentials = *std::move(credentials),
                              .service_config_json = core->config_.channel_json,
                              .user_agent = options.user_agent};
  if (absl::Status status = core->AddCompartments(common, make_stub, options.on_circuit_change); !status.ok()) return status;
  for (int i = 0; i < service.method_count(); ++i) {
    const std::string method(service.method(i)->name());
    const auto fallback = options.fallbacks.find(method);
    core->plans_.push_back(core->PlanFor(std::string(service.full_name()), method));
    core->plans_.back().answers = core->AnswersFor(std::string(service.full_name()), method,
                                                   fallback == options.fallbacks.end() ? Fallback() : fallback->second);
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
      .path = absl::StrCat("/", std::string(service), "/", std::string(method)),
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

std::unique_ptr<AnswerPlan> ClientCore::AnswersFor(std::string_view service, std::string_view method, Fallback fallback) const {
  const MethodExtras* extras = config_.FindExtras(service, method);
  auto answers = std::make_unique<AnswerPlan>();
  answers->fallback = std::move(fallback);
  if (extras != nullptr && extras->stale_if_error) answers->stale = std::make_unique<StaleCache>(*extras->stale_if_error);
  if (extras != nullptr && extras->single_flight) answers->flights = std::make_unique<SingleFlight>();
  const bool any = answers->fallback || answers->stale != nullptr || answers->flights != nullptr;
  return any ? std::move(answers) : nullptr;
}

int ClientCore::AddMethod(std::string_view service, std::string_view method) {
  plans_.push_back(PlanFor(service, method));
  return static_cast<int>(plans_.size()) - 1;
}

bool ClientCore::WaitReady(TimePoint deadline) {
  // All at once, and then one after the other.
  for (const auto& [name, compartment] : compartments_) compartment->channels().Connect();
  bool ready = true;
  for (const auto& [name, compartment] : compartments_) ready = compartment->channels().WaitReady(deadline) && ready;
  return ready;
}

bool ClientCore::Shutdown(TimePoint deadline) {
  for (const auto& [name, compartment] : compartments_) compartment->channels().Shutdown();
  if (CheckMayBlock().ok()) return gate_.Close(deadline);
  gate_.CloseNow();
  return false;
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

bool WaitReady(ClientCore& core, std::chrono::nanoseconds timeout) {
  return CheckMayBlock().ok() && core.WaitReady(After(timeout));
}

bool Shutdown(ClientCore& core, std::chrono::nanoseconds timeout) { return core.Shutdown(After(timeout)); }

const std::string& MethodPath(const ClientCore& core, int method) { return core.plan(method).path; }

int MethodIndex(const ClientCore& core, std::string_view method) { return core.IndexOf(method); }

}  // namespace userclient::internal
