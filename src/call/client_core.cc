#include "call/client_core.h"

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/message_lite.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "call/attempt_rules.h"
#include "call/callback_thread.h"
#include "call/client_keeper.h"
#include "call/xds_bootstrap.h"
#include "config/value_check.h"
#include "discovery/broken_pipes.h"
#include "tls/openssl_at_exit.h"
#include "transport/credentials.h"
#include "transport/grpc_start.h"
#include "transport/target.h"
#include "userclient/internal/call_engine.h"

namespace userclient::internal {
namespace {

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

absl::Status HasBeenShutDown() { return absl::FailedPreconditionError("the client has been shut down"); }

std::vector<std::filesystem::path> FilesOf(const std::optional<std::filesystem::path>& file) {
  if (!file) return {};
  return {*file};
}

/// Clients share no connections, not even those of one process to the same target: each one's compartments isolate.
int NextClientNumber() {
  static std::atomic<int> clients{0};
  return ++clients;
}

/// The last call may keep the core for longer than the application does, and end on a thread that brings gRPC's callbacks. With
/// the last channel of a process gRPC ends those threads, and waits for them: none may wait for itself.
void Destroy(const ClientCore* core) {
  if (CheckMayBlock().ok()) {
    delete core;
    return;
  }
  try {
    std::thread([core] { delete core; }).detach();
  } catch (const std::system_error&) {
    // A system that has no thread left; to wait here would be for ever. The core stays.
  }
}

absl::StatusOr<std::shared_ptr<Compartment>> CompartmentWithBreaker(const PlanBook& book, std::string_view compartment) {
  const std::string quoted = absl::StrCat("compartment \"", std::string(compartment), "\"");
  const auto found = book.compartments.find(compartment);
  if (found == book.compartments.end()) {
    std::vector<std::string> names;
    for (const auto& [name, unused] : book.compartments) names.push_back(name);
    return absl::NotFoundError(absl::StrCat("there is no ", quoted, "; there are: ", absl::StrJoin(names, ", ")));
  }
  if (found->second->breaker() == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(quoted, " has no circuit breaker; give it a circuitBreaker in the service config"));
  }
  return found->second;
}

std::optional<CircuitTransition> Override(CircuitBreaker& breaker, CircuitOverride decision) {
  switch (decision) {
    case CircuitOverride::kOpen:
      return breaker.ForceOpen();
    case CircuitOverride::kClosed:
      return breaker.ForceClosed();
    case CircuitOverride::kNone:
      break;
  }
  return breaker.Resume(Now());
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

/// One that is told of everything twice counts it twice. *Errors:* INVALID_ARGUMENT naming the two entries.
absl::Status CheckThatAllDiffer(const std::vector<std::shared_ptr<Observer>>& observers) {
  for (auto later = observers.begin(); later != observers.end(); ++later) {
    const auto earlier = std::find(observers.begin(), later, *later);
    if (earlier == later) continue;
    return absl::InvalidArgumentError(absl::StrCat("observers[", earlier - observers.begin(), "] and observers[",
                                                   later - observers.begin(), "]: are the same; name each of them once"));
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
  if (absl::Status status = CheckValues(config); !status.ok()) return status;
  if (absl::Status status = CheckAgainstService(config, ContractOf(service)); !status.ok()) return status;
  // This is where gRPC starts, if it has not yet.
  if (absl::Status status = CheckThatGrpcCanStart(); !status.ok()) return status;
  return CheckChannelConfig(config.channel_json);
}

ClientCore::ClientCore(const ClientOptions& options, const google::protobuf::ServiceDescriptor& service,
                       const TransportCredentials& credentials, PlanMaker maker, std::shared_ptr<const PlanBook> book)
    : service_(service),
      target_(options.target),
      config_file_(options.service_config_file),
      credentials_(options.credentials.value_or(Credentials::Insecure())),
      tokens_(credentials.tokens),
      maker_(std::move(maker)),
      rotation_(credentials_, credentials),
      book_(std::move(book)) {
  const std::shared_ptr<const PlanBook> first = book_.Get();
  for (const MethodPlan& plan : first->plans) AddFacts(plan);
}

ClientCore::~ClientCore() {
  if (maker_.trouble() != nullptr) maker_.trouble()->LookUpWith(nullptr);
  // It may still be telling something, or about to ask for itself.
  if (keeper_ != nullptr) keeper_->Stop();
  if (observers_ != nullptr) observers_->TellEnd();
}

absl::StatusOr<std::shared_ptr<ClientCore>> ClientCore::Create(const ClientOptions& options,
                                                               const google::protobuf::ServiceDescriptor& service,
                                                               const StubFactory& make_stub) {
  // Before anything asks OpenSSL for something, and also for plain text: another client of the process may use TLS.
  LeaveOpensslAsItIsAtExit();
  if (options.channel_factory && (options.credentials || !options.target.empty())) {
    return absl::InvalidArgumentError("channel_factory: takes the place of target and credentials; give the one or the others");
  }
  if (!options.channel_factory && !options.credentials) {
    return absl::InvalidArgumentError(
        "credentials: none given; use Credentials::Tls(), or Credentials::Insecure() if plain text is meant");
  }
  if (options.default_timeout <= std::chrono::nanoseconds::zero()) {
    return absl::InvalidArgumentError("default_timeout: must be more than 0, because no call is without a deadline");
  }
  if (options.file_check_interval < std::chrono::nanoseconds::zero()) {
    return absl::InvalidArgumentError("file_check_interval: is negative; 0 turns it off");
  }
  if (options.receive_memory_limit && *options.receive_memory_limit <= 0) {
    return absl::InvalidArgumentError("receive_memory_limit: must be more than 0; without one there is no limit");
  }
  const auto null_observer = std::find(options.observers.begin(), options.observers.end(), nullptr);
  if (null_observer != options.observers.end()) {
    return absl::InvalidArgumentError(absl::StrCat("observers[", null_observer - options.observers.begin(), "]: is null"));
  }
  if (absl::Status status = CheckThatAllDiffer(options.observers); !status.ok()) return status;
  if (!options.channel_factory) {
    if (absl::Status status = CheckBootstrapFor(options.target); !status.ok()) return status;
  }
  IgnoreBrokenPipes();
  // First, so that no change of them goes unnoticed.
  WatchedFiles config_files(FilesOf(options.service_config_file));
  absl::StatusOr<ServiceConfig> config = ReadConfig(options);
  if (!config.ok()) return config.status();
  if (absl::Status status = CheckConfigFor(*config, service); !status.ok()) return status;
  if (absl::Status status = CheckFallbacks(options.fallbacks, service); !status.ok()) return status;
  const absl::StatusOr<TransportCredentials> credentials =
      MakeTransportCredentials(options.credentials.value_or(Credentials::Insecure()));
  if (!credentials.ok()) return credentials.status();

  const std::optional<std::string> first_address = FirstOfSeveral(options.target);
  if (first_address && options.credentials->kind() != Credentials::Kind::kInsecure && !credentials->authority) {
    return absl::InvalidArgumentError(absl::StrCat("target \"", options.target,
                                                   "\": several addresses have no name in common that the certificates of the "
                                                   "servers could be for; set credentials.server_name"));
  }

  const std::shared_ptr<ClientObservers> observers = ObserversOf(options, service);
  std::shared_ptr<grpc::ResourceQuota> quota;
  if (options.receive_memory_limit) {
    quota = std::make_shared<grpc::ResourceQuota>("userclient");
    quota->Resize(static_cast<size_t>(*options.receive_memory_limit));
  }
  PlanMaker maker(options, service,
                  {.target = options.target,
                   .credentials = credentials->channel,
                   .factory = options.channel_factory ? std::make_shared<const ChannelFactory>(options.channel_factory) : nullptr,
                   .authority = credentials->authority ? credentials->authority : first_address,
                   .user_agent = options.user_agent,
                   .quota = quota,
                   .client_number = NextClientNumber()},
                  make_stub, observers);
  absl::StatusOr<std::shared_ptr<const PlanBook>> book = maker.Make(*std::move(config), 1, nullptr);
  if (!book.ok()) return book.status();
  std::shared_ptr<ClientCore> core(new ClientCore(options, service, *credentials, std::move(maker), *std::move(book)), Destroy);
  core->keeper_ = std::make_unique<ClientKeeper>(*core, options, std::move(config_files), TellAll(options.on_event, observers));
  if (observers != nullptr) {
    observers->client.snapshot = [weak = std::weak_ptr<ClientCore>(core)]() -> std::optional<ClientSnapshot> {
      // The last one to hold the client may be this very thread, which collects metrics: it must not have to wait for its end,
      // nor for that of observers, which may wait for the thread.
      const CallbackScope scope;
      const std::shared_ptr<ClientCore> alive = weak.lock();
      if (alive == nullptr) return std::nullopt;
      return alive->Snapshot();
    };
    core->observers_ = observers;
    observers->TellStart();
  }
  if (absl::Status status = core->keeper_->Start(); !status.ok()) return status;
  if (ConnectionTrouble* const trouble = core->maker_.trouble(); trouble != nullptr) {
    trouble->LookUpWith([keeper = core->keeper_.get()] { keeper->LookUpNow(); });
  }
  return core;
}

std::shared_ptr<ClientObservers> ClientCore::ObserversOf(const ClientOptions& options,
                                                         const google::protobuf::ServiceDescriptor& service) {
  if (options.observers.empty()) return nullptr;
  auto observers = std::make_shared<ClientObservers>();
  observers->client.service = std::string(service.full_name());
  observers->client.target = options.target;
  for (int i = 0; i < service.method_count(); ++i) {
    observers->client.methods.push_back(absl::StrCat(observers->client.service, "/", std::string(service.method(i)->name())));
  }
  observers->client.methods.emplace_back("grpc.health.v1.Health/Check");
  observers->observers = options.observers;
  return observers;
}

// ---- Changes

absl::Status ClientCore::Publish(ServiceConfig config, int version) {
  if (shut_down_) return HasBeenShutDown();
  absl::StatusOr<std::shared_ptr<const PlanBook>> book = maker_.Make(std::move(config), version, book_.Get().get());
  if (!book.ok()) return book.status();
  for (size_t i = 0; i < methods_.size(); ++i) methods_[i].waits_on_async.store((*book)->plans[i].waits_on_async());
  const std::shared_ptr<const PlanBook> before = book_.Get();
  NoteLeavers(*before, **book);
  book_.Set(*std::move(book));
  return absl::OkStatus();
}

void ClientCore::NoteLeavers(const PlanBook& before, const PlanBook& now) {
  absl::MutexLock lock(&leavers_lock_);
  std::erase_if(leavers_, [](const auto& pool) { return pool.expired(); });
  // Adds up those that have gone for good.
  TrafficOfLeavers();
  for (const auto& [name, compartment] : before.compartments) {
    if (now.compartments.contains(name)) continue;
    leavers_.emplace_back(compartment->shared_channels());
    leavers_traffic_.push_back(compartment->shared_traffic());
  }
}

TrafficCounts ClientCore::TrafficOfLeavers() {
  TrafficCounts sum;
  std::erase_if(leavers_traffic_, [&](const std::shared_ptr<TrafficCounters>& traffic) {
    // Nobody else is left to count.
    const bool gone = traffic.use_count() == 1;
    Add(traffic->Totals(), gone ? traffic_of_the_gone_ : sum);
    return gone;
  });
  Add(traffic_of_the_gone_, sum);
  return sum;
}

std::vector<std::shared_ptr<ChannelPool>> ClientCore::Pools() {
  std::vector<std::shared_ptr<ChannelPool>> pools;
  // Kept: another config may take its place meanwhile, and the loop would not keep what it goes over.
  const std::shared_ptr<const PlanBook> book = book_.Get();
  for (const auto& [name, compartment] : book->compartments) pools.push_back(compartment->shared_channels());
  absl::MutexLock lock(&leavers_lock_);
  for (const auto& leaver : leavers_) {
    if (auto pool = leaver.lock()) pools.push_back(std::move(pool));
  }
  return pools;
}

void ClientCore::AddFacts(const MethodPlan& plan) {
  MethodFacts& facts = methods_.emplace_back();
  facts.path = "/" + plan.name;
  facts.waits_on_async.store(plan.waits_on_async());
}

absl::Status ClientCore::SetConfig(ServiceConfig config, const std::string& subject) {
  if (absl::Status status = CheckConfigFor(config, service_); !status.ok()) return status;
  absl::MutexLock one_at_a_time(&new_configs_);
  std::shared_ptr<const PlanBook> book;
  {
    absl::MutexLock lock(&changes_);
    if (absl::Status status = Publish(std::move(config), book_.Get()->version + 1); !status.ok()) return status;
    book = book_.Get();
  }
  keeper_->OnConfig(book->config, book->version, subject);
  const bool renewing = std::any_of(book->compartments.begin(), book->compartments.end(),
                                    [](const auto& named) { return named.second->channels().renewing(); });
  if (renewing) keeper_->AwaitRenewal();
  return absl::OkStatus();
}

absl::Status ClientCore::ReloadConfigFile() {
  if (!config_file_) return absl::FailedPreconditionError("the client was made without a service_config_file");
  absl::StatusOr<ServiceConfig> config = ServiceConfig::Load(*config_file_);
  if (!config.ok()) return config.status();
  return SetConfig(*std::move(config), config_file_->string());
}

bool ClientCore::HasCredentialFiles() {
  absl::MutexLock lock(&changes_);
  return rotation_.Needed();
}

absl::StatusOr<bool> ClientCore::LookAtCredentials() {
  {
    absl::MutexLock lock(&changes_);
    if (shut_down_ || !rotation_.Needed()) return false;
    auto credentials = rotation_.Look(std::chrono::system_clock::now());
    if (!credentials.ok()) return credentials.status();
    if (*credentials == nullptr) return false;
    maker_.SetCredentials(*credentials);
    for (const auto& pool : Pools()) {
      ChannelSpec spec = pool->spec();
      spec.credentials = *credentials;
      pool->Renew(spec);
    }
  }
  keeper_->AwaitRenewal();
  return true;
}

int ClientCore::AddMethod(const std::string& service, const std::string& method) {
  absl::MutexLock lock(&changes_);
  maker_.AddMethod({.service = service, .method = method});
  // The config is the one that is there, so nothing can be wrong with it.
  const std::shared_ptr<const PlanBook> book = book_.Get();
  if (!Publish(book->config, book->version).ok()) std::abort();
  // Channels that nobody has used yet are replaced at once.
  CarryOnRenewal();
  AddFacts(book_.Get()->plans.back());
  return static_cast<int>(methods_.size()) - 1;
}

void ClientCore::RenewChannels() {
  absl::MutexLock lock(&changes_);
  if (shut_down_) return;
  for (const auto& pool : Pools()) pool->Renew(pool->spec());
}

absl::Status ClientCore::Reload() {
  const bool credential_files = HasCredentialFiles();
  if (!config_file_ && !credential_files) {
    return absl::FailedPreconditionError("the client was made without files: there is nothing to read again");
  }
  if (config_file_) {
    if (absl::Status status = ReloadConfigFile(); !status.ok()) return status;
  }
  if (!credential_files) return absl::OkStatus();
  // Whoever asks wants to know at once what is wrong.
  if (absl::Status usable = CheckCredentials(credentials_); !usable.ok()) return usable;
  return LookAtCredentials().status();
}

bool ClientCore::CarryOnRenewal() {
  bool done = true;
  for (const auto& pool : Pools()) done = pool->CarryOnRenewal() && done;
  return done;
}

absl::Status ClientCore::OverrideCircuit(std::string_view compartment, CircuitOverride decision) {
  std::shared_ptr<Compartment> found;
  std::optional<CircuitTransition> transition;
  {
    // A breaker that a new config is about to replace would forget it.
    absl::MutexLock lock(&changes_);
    absl::StatusOr<std::shared_ptr<Compartment>> with_breaker = CompartmentWithBreaker(*book_.Get(), compartment);
    if (!with_breaker.ok()) return with_breaker.status();
    found = *std::move(with_breaker);
    transition = Override(*found->breaker(), decision);
  }
  found->Announce(transition);
  return absl::OkStatus();
}

// ---- A look inside

ClientSnapshot ClientCore::Snapshot() {
  std::shared_ptr<const PlanBook> book;
  TrafficCounts of_leavers;
  bool shut_down = false;
  {
    // Together, so that no compartment is among both.
    absl::MutexLock lock(&changes_);
    book = book_.Get();
    shut_down = shut_down_;
    absl::MutexLock leavers(&leavers_lock_);
    of_leavers = TrafficOfLeavers();
  }
  const TimePoint now = std::chrono::steady_clock::now();
  ClientSnapshot snapshot = {.service = std::string(service_.full_name()),
                             .target = target_,
                             .config_version = book->version,
                             .taken_at = std::chrono::system_clock::now(),
                             .uptime = now - made_at_,
                             .shut_down = shut_down,
                             .calls_in_flight = gate_.inside(),
                             .traffic = of_leavers};
  for (const auto& [name, compartment] : book->compartments) {
    CompartmentSnapshot& shown = snapshot.compartments.emplace_back(compartment->Snapshot(now));
    for (const MethodPlan& plan : book->plans) {
      if (plan.compartment == compartment) shown.methods.push_back(plan.name);
    }
    Add(snapshot.compartments.back().traffic, snapshot.traffic);
  }
  if (const auto resolution = keeper_->Resolution()) {
    snapshot.resolution = {.endpoints = resolution->endpoints,
                           .status = resolution->failure,
                           .lookups = resolution->lookups,
                           .changes = resolution->changes};
    if (resolution->last_success) snapshot.resolution->age = now - *resolution->last_success;
  }
  if (book->throttle != nullptr) {
    snapshot.throttle = {.tokens = book->throttle->tokens(),
                         .max_tokens = static_cast<double>(book->throttle->options().max_tokens),
                         .allows_retries = book->throttle->AllowsRetry()};
  }
  return snapshot;
}

// ---- The rest

int ClientCore::IndexOf(std::string_view method) const {
  const google::protobuf::MethodDescriptor* descriptor = service_.FindMethodByName(std::string(method));
  if (descriptor == nullptr) {
    std::cerr << "userclient: " << std::string(service_.full_name()) << " has no method " << method << std::endl;
    std::abort();
  }
  return descriptor->index();
}

bool ClientCore::WaitReady(TimePoint deadline) {
  const std::shared_ptr<const PlanBook> book = book_.Get();
  // All at once, and then one after the other.
  for (const auto& [name, compartment] : book->compartments) compartment->channels().Connect();
  bool ready = true;
  for (const auto& [name, compartment] : book->compartments) ready = compartment->channels().WaitReady(deadline) && ready;
  return ready;
}

bool ClientCore::Shutdown(TimePoint deadline) {
  gate_.CloseForEntry();
  {
    absl::MutexLock lock(&changes_);
    shut_down_ = true;
    for (const auto& pool : Pools()) pool->Shutdown();
  }
  const bool all_left = CheckMayBlock().ok() && gate_.Close(deadline);
  if (!all_left) gate_.CloseNow();
  keeper_->Stop();
  return all_left;
}

}  // namespace userclient::internal
