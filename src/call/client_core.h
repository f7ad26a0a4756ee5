#pragma once

#include <google/protobuf/descriptor.h>

#include <atomic>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "call/call_gate.h"
#include "call/client_observers.h"
#include "call/plan_book.h"
#include "call/plan_maker.h"
#include "call/traffic_counters.h"
#include "config/service_contract.h"
#include "policy/snapshot_cell.h"
#include "transport/callback_threads.h"
#include "transport/credentials.h"
#include "userclient/client_options.h"
#include "userclient/client_snapshot.h"
#include "userclient/service_config.h"

namespace userclient::internal {

class ClientKeeper;

/// What all calls of one client share: the plan of every method, the compartments with their channels, the retry throttle.
/// Knows no service in particular. *Thread-safe after Create.*
class ClientCore {
 public:
  /// *Errors:* as UserClient::Create.
  static absl::StatusOr<std::shared_ptr<ClientCore>> Create(const ClientOptions& options,
                                                            const google::protobuf::ServiceDescriptor& service,
                                                            const StubFactory& make_stub);
  ~ClientCore();

  /// The position of a method of this client's service. Ends the process if there is no such method: a mistake in the program.
  int IndexOf(std::string_view method) const;

  /// "/package.Service/Method", as it goes on the wire. Lives as long as the core.
  const std::string& path(int method_index) const { return methods_[static_cast<size_t>(method_index)].path; }

  /// Whether a blocking call of a method has to wait for an asynchronous one, as far as the present plan is concerned.
  bool WaitsOnAsync(int method_index) const {
    return methods_[static_cast<size_t>(method_index)].waits_on_async.load(std::memory_order_relaxed);
  }

  /// The plan of the method at a position, as it is now. A call keeps it to its end.
  std::shared_ptr<const MethodPlan> plan(int method_index) const {
    std::shared_ptr<const PlanBook> book = book_.Get();
    const MethodPlan* const plan = &book->plans[static_cast<size_t>(method_index)];
    return {std::move(book), plan};
  }

  /// Whose tokens the calls carry; null if they carry none.
  TokenCache* tokens() const { return tokens_.get(); }

  /// Lets calls in, and none any more after Shutdown.
  CallGate& gate() { return gate_; }
  /// Of the service config in use.
  int config_version() const { return book_.Get()->version; }

  /// Connects every channel. False if the deadline came first.
  bool WaitReady(TimePoint deadline);

  /// Refuses new calls, waits for those under way, and cancels what is left when the time has come. On a thread that must not
  /// block: cancels at once, and does not wait.
  bool Shutdown(TimePoint deadline);

  /// Adds the plan of a method that is not of this client's service, such as the health service's, and gives its position. Before
  /// the first call only.
  int AddMethod(const std::string& service, const std::string& method);

  /// Calls that begin from now on go by this config. *Errors:* as UserClient::Reload; nothing has changed then.
  absl::Status SetConfig(ServiceConfig config, const std::string& subject = "a config set by the program");
  /// Reads the file that the client was made with again.
  absl::Status ReloadConfigFile();
  std::shared_ptr<const ServiceConfig> config() const {
    std::shared_ptr<const PlanBook> book = book_.Get();
    const ServiceConfig* const config = &book->config;
    return {std::move(book), config};
  }

  bool HasCredentialFiles();
  /// Reads them again. True: they hold others now, and connections, living ones too, are being replaced by ones that use them.
  /// *Errors:* those of CredentialRotation::Look; nothing has changed then.
  absl::StatusOr<bool> LookAtCredentials();

  /// Both of them, as far as there are files.
  absl::Status Reload();

  /// Makes new channels to the same target, which resolve its name anew, and gives up a renewal under way. CarryOnRenewal does
  /// the rest.
  void RenewChannels();
  /// True: all new channels are in use. To be called now and then until that. *Never blocks.*
  bool CarryOnRenewal();

  /// As UserClient::Snapshot.
  ClientSnapshot Snapshot();

  /// *Errors:* as UserClient::OverrideCircuit.
  absl::Status OverrideCircuit(std::string_view compartment, CircuitOverride decision);

 private:
  ClientCore(const ClientOptions& options, const google::protobuf::ServiceDescriptor& service,
             const TransportCredentials& credentials, PlanMaker maker, std::shared_ptr<const PlanBook> book);

  /// The observers of a client that is about to be made; null if there are none.
  static std::shared_ptr<ClientObservers> ObserversOf(const ClientOptions& options,
                                                      const google::protobuf::ServiceDescriptor& service);

  /// What is known of a method without its plan.
  struct MethodFacts {
    std::string path{};
    std::atomic<bool> waits_on_async{false};
  };

  void AddFacts(const MethodPlan& plan);
  /// Of the present book, and of compartments that have left it and whose last calls and streams still go on.
  std::vector<std::shared_ptr<ChannelPool>> Pools();
  void NoteLeavers(const PlanBook& before, const PlanBook& now);
  /// Of compartments that have left.
  TrafficCounts TrafficOfLeavers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(leavers_lock_);
  absl::Status Publish(ServiceConfig config, int version) ABSL_EXCLUSIVE_LOCKS_REQUIRED(changes_);

  /// The last to go.
  const std::shared_ptr<const void> callback_threads_ = KeepCallbackThreads();
  const google::protobuf::ServiceDescriptor& service_;
  const std::string target_;
  const TimePoint made_at_ = std::chrono::steady_clock::now();
  const std::optional<std::filesystem::path> config_file_;
  const Credentials credentials_;
  /// Null: nobody observes.
  std::shared_ptr<const ClientObservers> observers_;
  /// By position. Never moved: calls refer to them.
  std::deque<MethodFacts> methods_;
  /// Null: calls carry no bearer token.
  const std::shared_ptr<TokenCache> tokens_;
  CallGate gate_;

  /// One new config at a time, from its publication to the last who hears of it. Before changes_.
  absl::Mutex new_configs_;
  /// One change at a time.
  absl::Mutex changes_ ABSL_ACQUIRED_AFTER(new_configs_);
  PlanMaker maker_ ABSL_GUARDED_BY(changes_);
  CredentialRotation rotation_ ABSL_GUARDED_BY(changes_);
  absl::Mutex leavers_lock_;
  std::vector<std::weak_ptr<ChannelPool>> leavers_ ABSL_GUARDED_BY(leavers_lock_);
  /// Theirs, while calls of theirs go on; afterwards it is in the sum.
  std::vector<std::shared_ptr<TrafficCounters>> leavers_traffic_ ABSL_GUARDED_BY(leavers_lock_);
  TrafficCounts traffic_of_the_gone_ ABSL_GUARDED_BY(leavers_lock_);
  bool shut_down_ ABSL_GUARDED_BY(changes_) = false;
  /// Written under changes_.
  SnapshotCell<PlanBook> book_;

  /// The first to go, because it uses all the rest.
  std::unique_ptr<ClientKeeper> keeper_;
};

/// The contract of a service, as its proto states it.
ServiceContract ContractOf(const google::protobuf::ServiceDescriptor& service);

/// Whether a config can be used for a service: values, names, idempotency, and gRPC's share of it. *Errors:* INVALID_ARGUMENT
/// with the place; RESOURCE_EXHAUSTED if gRPC cannot start (grpc_start.h).
absl::Status CheckConfigFor(const ServiceConfig& config, const google::protobuf::ServiceDescriptor& service);

}  // namespace userclient::internal
