#pragma once

/// START HERE. The client of user.v1.UserService.
///
///   absl::StatusOr<userclient::UserClient> client = userclient::UserClient::Create({
///       .target = "dns:///users.prod.svc.cluster.local:50051",
///       .credentials = userclient::Credentials::Tls({.root_certificates = "/etc/ca.pem"}),
///   });
///   user::v1::GetUserRequest request;
///   request.set_user_id("u-42");
///   absl::StatusOr<user::v1::GetUserResponse> user = client->GetUser(request, {.timeout = 200ms});
///
/// What the service config says about a method, its deadline, its retries and its compartment, happens to every call by itself;
/// docs/life_of_a_call.md tells the way. The other headers are read when needed:
///   call_options.h    what one call wants differently       call_report.h   what happened during a call
///   client_options.h  how to reach the service              rejection.h     whether the client itself refused
///   service_config.h  the policies, as a JSON file          error_details.h what the server said about an error
///   credentials.h     how both sides prove who they are     pending_call.h  calls that no thread waits for
///   fallback.h        what stands in for an answer          circuit_breaker.h  its states, and who is told of them
///   service_client.h  the same for a service of your own    user_list.h     every user, page by page
///   client_events.h   what a client notices between calls  diagnose.h      why no server can be reached
///   message_stream.h  the messages of a stream              user_watch.h    changes of users, as they happen
///   user_batch.h      many users created at once            user_lookup.h   users looked up as they are asked for
///   observer.h        log, metrics and traces               client_snapshot.h  a look inside

#include <chrono>
#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "user/v1/user_service.pb.h"
#include "userclient/call_options.h"
#include "userclient/circuit_breaker.h"
#include "userclient/client_options.h"
#include "userclient/client_snapshot.h"
#include "userclient/message_stream.h"
#include "userclient/pending_call.h"
#include "userclient/rejection.h"
#include "userclient/service_config.h"
#include "userclient/user_batch.h"
#include "userclient/user_list.h"
#include "userclient/user_lookup.h"
#include "userclient/user_watch.h"

namespace userclient {

/// What a server's health service answers (grpc.health.v1).
enum class ServingStatus { kUnknown, kServing, kNotServing };

/// A handle on connections and policies that all its copies share. Make one per process and service, and copy it where needed.
///
/// *Thread-safe.* A handle must live until the calls made through it have returned; threads that may outlive each other take
/// copies. Nothing of it can be used in a child after fork, where its threads are missing; fork before the first client is made,
/// or exec in the child. Every call but the Async ones blocks until it has an answer, its deadline passes, or it is cancelled,
/// and no longer. *Errors:* the code, message and details of a failed call are those that the server sent. INVALID_ARGUMENT that
/// names CallOptions comes from the client itself. RejectionOf(status) tells calls that the client refused.
class UserClient {
 public:
  /// Reads the config and the certificates and prepares the channels. Connects with the first call, and does not wait for the
  /// server: it may start later. *Errors:* INVALID_ARGUMENT, NOT_FOUND or PERMISSION_DENIED naming the option or the place in the
  /// file that is wrong. RESOURCE_EXHAUSTED if there are no file descriptors or threads for gRPC to start with; a later try may
  /// succeed. A SIGPIPE about which the process has not decided is ignored from now on: name servers could end it
  /// (docs/deployment.md).
  static absl::StatusOr<UserClient> Create(const ClientOptions& options);

  /// What Create would say about a service config: whether it can be used for user.v1.UserService.
  static absl::Status CheckConfig(const ServiceConfig& config);

  absl::StatusOr<user::v1::GetUserResponse> GetUser(const user::v1::GetUserRequest& request,
                                                    const CallOptions& options = {}) const;

  /// The same without a thread that waits; see pending_call.h. What `options` points to must live until the call has ended.
  PendingCall<user::v1::GetUserResponse> GetUserAsync(user::v1::GetUserRequest request, CallOptions options = {}) const;

  /// One page. For all of them, see ListAllUsers.
  absl::StatusOr<user::v1::ListUsersResponse> ListUsers(const user::v1::ListUsersRequest& request,
                                                        const CallOptions& options = {}) const;

  PendingCall<user::v1::ListUsersResponse> ListUsersAsync(user::v1::ListUsersRequest request, CallOptions options = {}) const;

  /// Every user from `request.page_token()` on, page after page, each page a call of its own with these options.
  ///
  ///   userclient::UserList users = client->ListAllUsers({});
  ///   for (const user::v1::User& user : users) ...
  ///   if (!users.status().ok()) ...
  UserList ListAllUsers(user::v1::ListUsersRequest request, CallOptions options = {}) const;

  /// Creates a user exactly once, however many attempts it takes: a request without an idempotency_key is sent with a fresh one,
  /// the same for all attempts.
  absl::StatusOr<user::v1::CreateUserResponse> CreateUser(user::v1::CreateUserRequest request,
                                                          const CallOptions& options = {}) const;

  PendingCall<user::v1::CreateUserResponse> CreateUserAsync(user::v1::CreateUserRequest request, CallOptions options = {}) const;

  /// Creates the users of a range, each exactly once; user_batch.h tells how. `options` are for each of the calls that this
  /// takes: the timeout is for one chunk, and a report is that of the last call. That a user was refused is no error, but an item
  /// of the result. *Errors:* those of the call that failed, with BatchPositionOf; INVALID_ARGUMENT naming the option. An
  /// exception of the range's own goes on to the caller: what was settled has been told to on_item, and nothing is under way.
  template <std::ranges::input_range Range>
  requires std::convertible_to<std::ranges::range_reference_t<Range>, user::v1::CreateUserRequest> absl::StatusOr<BatchResult>
  BatchCreateUsers(Range&& users, const BatchOptions& batch = {}, const CallOptions& options = {})
  const {
    std::optional<std::ranges::iterator_t<Range>> position;
    const auto next = [&]() -> std::optional<user::v1::CreateUserRequest> {
      // No sooner than it is needed: to look for the next item may mean to wait for it.
      if (position) {
        ++*position;
      } else {
        position.emplace(std::ranges::begin(users));
      }
      if (*position == std::ranges::end(users)) return std::nullopt;
      return **position;
    };
    return CreateBatch(next, batch, options);
  }

  /// The same without a thread that waits. on_item and on_progress are called on gRPC's threads, one at a time.
  PendingCall<BatchResult> BatchCreateUsersAsync(std::vector<user::v1::CreateUserRequest> users, BatchOptions batch = {},
                                                 CallOptions options = {}) const;

  /// What a user did, oldest first. When a server dies under it, the stream goes on at another one where it was: every event
  /// comes once. Its deadline is that of the whole stream.
  ///
  ///   for (const user::v1::ActivityEvent& event : client->StreamActivity(request)) ...
  MessageStream<user::v1::ActivityEvent> StreamActivity(user::v1::StreamActivityRequest request, CallOptions options = {}) const;

  /// What happens to users from now on, or from a resume token on, until it is cancelled; see user_watch.h. A server that says
  /// nothing for 20 s, not even that nothing happens, is left for another one. Without CallOptions::timeout it has no end; that
  /// of the method in the service config is when it changes servers.
  UserWatch WatchUsers(user::v1::WatchUsersRequest request = {}, CallOptions options = {}) const;

  /// Looks users up by their ids, as they are asked for, over one stream; see user_lookup.h. It lives until it is finished,
  /// cancelled or destroyed. CallOptions::timeout, if given, is for all of that; the method's in the service config is when it
  /// changes servers. What `options` points to must live until it has been finished or destroyed; a report is that of its last
  /// stream. A server that owes an answer and says nothing for 10 s is left for another one.
  UserLookup LookupUsers(CallOptions options = {}) const;

  /// Looks all of them up over one stream: the answers in the order of the ids, with not_found where there is no such user.
  /// Blocks until the last has come, or the deadline of the whole has passed. *Errors:* those of the first id that has no answer,
  /// for example INVALID_ARGUMENT for one that the server finds wrong.
  absl::StatusOr<std::vector<user::v1::LookupUsersResponse>> LookupUsers(const std::vector<std::string>& user_ids,
                                                                         const CallOptions& options = {}) const;

  /// Asks the health service of one server whether `service` takes calls; empty asks about the server as a whole.
  /// kUnknown: it has no such service. *Errors:* UNIMPLEMENTED if the server has no health service;
  /// INVALID_ARGUMENT if `options` has a fallback.
  absl::StatusOr<ServingStatus> CheckHealth(std::string_view service, const CallOptions& options = {}) const;

  /// Reads the files of the service config and of the credentials again, without waiting for the client to do so by itself
  /// (ClientOptions::file_check_interval). *Errors:* as Create, and FAILED_PRECONDITION if the client has no files or has been
  /// shut down; what could not be read stays as it was.
  absl::Status Reload() const;

  /// Calls that begin from now on go by this config; those under way finish by the one that they began with. Breakers, limiters,
  /// the retry throttle and kept answers keep what they know, also when their numbers change. *Errors:* INVALID_ARGUMENT naming
  /// the place, FAILED_PRECONDITION after Shutdown; nothing has changed then.
  absl::Status SetConfig(const ServiceConfig& config) const;

  /// Takes the circuit breaker of a compartment out of its own hands, or gives it back. *Errors:* NOT_FOUND if there is no such
  /// compartment, FAILED_PRECONDITION if it has no breaker.
  absl::Status OverrideCircuit(std::string_view compartment, CircuitOverride decision) const;

  /// What it is doing at this moment: compartments, breakers, channels, endpoints, traffic. See client_snapshot.h.
  ClientSnapshot Snapshot() const;

  /// Connects every channel of every compartment, so that the first calls find connections. Blocks until all are ready: true; or
  /// until the time is over: false.
  bool WaitReady(std::chrono::nanoseconds timeout) const;

  /// Ends the client, for all its copies: refuses new calls (Rejection::kShutdown), waits for those under way, cancels what is
  /// left after `timeout`, and returns once the callbacks and fallbacks of the asynchronous ones have returned too: what these
  /// use may go then. So do not hold a lock that they take. Watches, which have no end of their own, are cancelled at once. True:
  /// nothing else had to be. In a callback it cancels all at once, does not wait, and gives false.
  bool Shutdown(std::chrono::nanoseconds timeout) const;

 private:
  class Impl;
  explicit UserClient(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

  absl::StatusOr<BatchResult> CreateBatch(const std::function<std::optional<user::v1::CreateUserRequest>()>& next,
                                          const BatchOptions& batch, const CallOptions& options) const;

  std::shared_ptr<const Impl> impl_;
};

}  // namespace userclient
