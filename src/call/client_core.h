#pragma once

#include <google/protobuf/descriptor.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "call/call_gate.h"
#include "call/compartment.h"
#include "call/method_plan.h"
#include "config/service_contract.h"
#include "policy/retry_throttle.h"
#include "transport/channel_pool.h"
#include "userclient/client_options.h"
#include "userclient/service_config.h"

namespace userclient::internal {

/// What all calls of one client share: the plan of every method, the compartments with their channels, the retry throttle.
/// Knows no service in particular. *Thread-safe after Create.*
class ClientCore {
 public:
  /// *Errors:* as UserClient::Create.
  static absl::StatusOr<std::shared_ptr<ClientCore>> Create(const ClientOptions& options,
                                                            const google::protobuf::ServiceDescriptor& service,
                                                            const StubFactory& make_stub);

  /// The position of a method of this client's service. Ends the process if there is no such method: a mistake in the program.
  int IndexOf(std::string_view method) const;

  /// The plan of the method at a position.
  const MethodPlan& plan(int method_index) const { return plans_[static_cast<size_t>(method_index)]; }

  /// Lets calls in, and none any more after Shutdown.
  CallGate& gate() { return gate_; }

  /// Connects every channel. False if the deadline came first.
  bool WaitReady(TimePoint deadline);

  /// Refuses new calls, waits for those under way, and cancels what is left when the time has come. On a thread that must not
  /// block: cancels at once, and does not wait.
  bool Shutdown(TimePoint deadline);

  /// Adds the plan of a method that is not of this client's service, such as the health service's, and gives its position. Before
  /// the first call only.
  int AddMethod(std::string_view service, std::string_view method);

 private:
  ClientCore(ServiceConfig config, const ClientOptions& options, const google::protobuf::ServiceDescriptor& service);

  MethodPlan PlanFor(std::string_view service, std::string_view method) const;

  /// Null if nothing is asked for.
  std::unique_ptr<AnswerPlan> AnswersFor(std::string_view service, std::string_view method, Fallback fallback) const;

  /// Whether this client's own retry plans repeat every call of a compartment that found no server.
  bool RetriesEverythingOf(const BulkheadConfig* bulkhead) const;

  absl::Status AddCompartments(const ChannelSpec& common, const StubFactory& make_stub, const CircuitListener& on_circuit_change);

  const ServiceConfig config_;
  const std::chrono::nanoseconds default_timeout_;
  const google::protobuf::ServiceDescriptor& service_;
  std::unique_ptr<RetryThrottle> throttle_;
  /// By name; "default" carries the methods that no bulkhead claims.
  std::map<std::string, std::unique_ptr<Compartment>, std::less<>> compartments_;
  std::vector<MethodPlan> plans_;
  CallGate gate_;
};

/// The contract of a service, as its proto states it.
ServiceContract ContractOf(const google::protobuf::ServiceDescriptor& service);

/// Whether a config can be used for a service: names, idempotency, and gRPC's share of it. *Errors:* INVALID_ARGUMENT with the
/// place.
absl::Status CheckConfigFor(const ServiceConfig& config, const google::protobuf::ServiceDescriptor& service);

}  // namespace userclient::internal
