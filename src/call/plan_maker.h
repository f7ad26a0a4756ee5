#pragma once

#include <google/protobuf/descriptor.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "call/plan_book.h"
#include "transport/channel_pool.h"
#include "userclient/client_options.h"
#include "userclient/service_config.h"

namespace userclient::internal {

/// Makes the plans of a client out of a service config, and out of what the plans before have learnt of the service. *Not
/// thread-safe.*
class PlanMaker {
 public:
  /// `channels` says what the channels of all compartments have in common. `observers` may be null.
  PlanMaker(const ClientOptions& options, const google::protobuf::ServiceDescriptor& service, ChannelSpec channels,
            StubFactory make_stub, std::shared_ptr<const ClientObservers> observers);

  /// The methods of the client, in the order of their positions.
  const std::vector<MethodName>& methods() const { return methods_; }
  void AddMethod(MethodName method) { methods_.push_back(std::move(method)); }

  /// For the channels of books that are made from now on.
  void SetCredentials(std::shared_ptr<grpc::ChannelCredentials> credentials) { channels_.credentials = std::move(credentials); }

  /// Null for a client whose channels come from a factory.
  ConnectionTrouble* trouble() const { return trouble_.get(); }

  /// A first book, or one that takes the place of `before`, whose calls go on by it until they end. What is known of the service
  /// is kept: the state of a breaker and of a limit also when their numbers change, the fill of the throttle, the kept answers,
  /// and the connections. `before` must not be used for new calls afterwards. *Errors:* those of ChannelPool::Create; `before` is
  /// as it was then.
  absl::StatusOr<std::shared_ptr<const PlanBook>> Make(ServiceConfig config, int version, const PlanBook* before);

 private:
  using Pools = std::map<std::string, std::shared_ptr<ChannelPool>, std::less<>>;

  /// Of a bulkhead; null stands for the compartment of what no bulkhead claims.
  ChannelSpec SpecFor(const ServiceConfig& config, const BulkheadConfig* bulkhead, int first_pool_number) const;
  /// Whether the client's own retry plans repeat every call of a compartment that found no server.
  bool RetriesEverythingOf(const ServiceConfig& config, const BulkheadConfig* bulkhead) const;
  absl::StatusOr<Pools> NewPools(const ServiceConfig& config, const PlanBook* before);
  std::shared_ptr<Compartment> CompartmentFor(const ServiceConfig& config, const BulkheadConfig* bulkhead, const Pools& pools,
                                              const PlanBook* before) const;
  MethodPlan PlanFor(const PlanBook& book, const MethodName& method, const MethodPlan* before) const;
  /// Null if nothing is asked for.
  std::shared_ptr<const AnswerPlan> AnswersFor(const PlanBook& book, const MethodName& method, const AnswerPlan* before) const;

  const google::protobuf::ServiceDescriptor& service_;
  const std::chrono::nanoseconds default_timeout_;
  const std::map<std::string, Fallback> fallbacks_;
  const CircuitListener on_circuit_change_;
  const StubFactory make_stub_;
  const std::shared_ptr<const ClientObservers> observers_;
  const std::shared_ptr<ConnectionTrouble> trouble_;
  ChannelSpec channels_;
  std::vector<MethodName> methods_;
  int next_pool_number_ = 0;
};

}  // namespace userclient::internal
