#pragma once

/// The reference server of user.v1.UserService: what a well-run gRPC service does, and, through a FaultInjector, every way in
/// which one fails.
///
///   absl::StatusOr<std::unique_ptr<userclient::UserServer>> server =
///       userclient::UserServer::Start({.listen_address = "127.0.0.1:0", .seed_users = 3});
///   Use((*server)->address());
///   absl::Status drained = (*server)->Shutdown(10s);
///
/// It also serves grpc.health.v1.Health ("" and "user.v1.UserService"), and reflection if asked to.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "userclient/server/fault_injector.h"
#include "userclient/server/received_attempt.h"
#include "userclient/server/user_store.h"

namespace userclient {

/// PEM files. The server speaks TLS 1.3 and nothing older. It looks at the files every `file_check_interval`: what they hold is
/// used for every connection that is made from then on, as soon as all of it fits together; until then, and for connections that
/// exist, it stays with what it has.
struct ServerTlsFiles {
  /// Followed by intermediate ones if there are any.
  std::filesystem::path certificate{};
  /// Without a pass phrase.
  std::filesystem::path key{};
  /// Given: clients must show a certificate that one of these authorities has signed. Whether they must cannot change later.
  std::optional<std::filesystem::path> client_ca{};
};

/// Calls beyond it are RESOURCE_EXHAUSTED, with the time to wait as the trailer `grpc-retry-pushback-ms`.
struct RateLimit {
  /// On average, over all callers; more than 0.
  double per_second = 0;
  /// At once, after a pause; at least 1.
  int burst = 1;
};

struct UserServerOptions {
  /// HOST:PORT; port 0 takes a free one. A port that is in use is an error, also when its holder would share it.
  std::string listen_address = "127.0.0.1:0";
  /// HOST:PORT of userclient.v1.FaultService, on a loopback address. Absent: not served.
  std::optional<std::string> admin_address{};
  /// Null: a memory store of the server's own.
  std::shared_ptr<UserStore> store{};
  /// The store is filled up to this number of users before the server listens.
  int seed_users = 0;
  /// Every user in the store gets so many events of activity besides his creation; the same in every store, so that a stream of
  /// them can be resumed at another server that was seeded alike.
  int seed_activity = 0;
  /// A watch that has been silent for so long sends its position, so that its client knows that it is alive; at least 10 ms.
  std::chrono::nanoseconds watch_heartbeat = std::chrono::seconds(5);
  /// Null: the server's own, healthy until `faults()` is told otherwise.
  std::shared_ptr<FaultInjector> faults{};
  /// Sent as the trailer `x-served-by` with every answer, so that callers see how load spreads. Printable ASCII, at most 256
  /// characters.
  std::optional<std::string> name{};
  /// Off for a server that strangers can reach. Never served together with `token_file`: reflection asks for no token.
  bool reflection = true;
  /// Absent: plaintext.
  std::optional<ServerTlsFiles> tls{};
  /// A file with bearer tokens, one a line: more than one while an old one is being replaced. Given: every call but health must
  /// bring one of them, or is UNAUTHENTICATED. Looked at every `file_check_interval`.
  std::optional<std::filesystem::path> token_file{};
  /// A call without a deadline is INVALID_ARGUMENT, except for WatchUsers and LookupUsers, which have no end of their own, and
  /// for health and reflection.
  bool require_deadline = false;
  /// Not for health and reflection.
  std::optional<RateLimit> rate_limit{};
  /// Calls in flight, at least 1; further ones are RESOURCE_EXHAUSTED. Not for health and reflection.
  std::optional<int> max_concurrent_calls{};
  /// Streams at once on a connection, at least 1; the client keeps further calls back until one has ended. Absent: gRPC's own
  /// limit, which is none.
  std::optional<int> max_concurrent_streams{};
  /// Connections that have lived so long (more than 0, give or take a tenth) get no new calls and are closed, so that clients
  /// look for servers again. Absent: they live for ever.
  std::optional<std::chrono::nanoseconds> max_connection_age{};
  /// How long the calls on such a connection may still take; then they are cut off.
  std::chrono::nanoseconds max_connection_age_grace = std::chrono::seconds(30);
  /// How often certificates and tokens are looked at; more than 0.
  std::chrono::nanoseconds file_check_interval = std::chrono::seconds(1);
  /// Takes one sentence when a certificate or token file holds something new that is used from now on, or that cannot be. Called
  /// from one thread, with no lock held.
  std::function<void(std::string_view sentence)> file_log{};
  /// Takes one line of JSON, without its newline, for every attempt, as it is answered. Called from many threads at once, with no
  /// lock held.
  std::function<void(std::string_view line)> request_log{};
  /// Sees every attempt as it arrives, before any fault. Called from many threads at once, with no lock held.
  std::function<void(const ReceivedAttempt&)> on_attempt{};
  /// How long a draining server still takes calls after its health has turned to NOT_SERVING: the time that clients who watch the
  /// health have to go elsewhere; at most half of the limit of Shutdown. What arrives when a gRPC server is closing ends as
  /// CANCELLED, so less means more of these.
  std::chrono::nanoseconds drain_notice = std::chrono::milliseconds(500);
};

/// What a server was asked, for one method.
struct MethodCounters {
  /// First attempts: those that came without `grpc-previous-rpc-attempts`.
  int64_t calls = 0;
  /// Everything that arrived.
  int64_t attempts = 0;
  /// Attempts that a fault was injected into.
  int64_t injected_faults = 0;
  /// How attempts ended. One still running is in none.
  std::map<absl::StatusCode, int64_t> ended{};

  friend bool operator==(const MethodCounters&, const MethodCounters&) = default;
};

/// A running server. Thread-safe.
class UserServer {
 public:
  /// Returns once the server takes calls. *Errors:* INVALID_ARGUMENT for options that cannot be, UNAVAILABLE for an address that
  /// cannot be had, NOT_FOUND or FAILED_PRECONDITION for a file that cannot be used; each says which and why.
  static absl::StatusOr<std::unique_ptr<UserServer>> Start(UserServerOptions options);

  /// Stops at once.
  ~UserServer();

  UserServer(const UserServer&) = delete;
  UserServer& operator=(const UserServer&) = delete;

  /// The listen address with the real port.
  const std::string& address() const;
  int port() const;
  /// 0 without an admin address.
  int admin_port() const;

  FaultInjector& faults();

  /// Zeros for a method that was never called.
  MethodCounters counters(std::string_view method) const;

  /// Streams that have arrived and are not gone.
  int64_t open_streams() const;

  /// Drains: health NOT_SERVING and watches end as UNAVAILABLE, to be resumed elsewhere; then `drain_notice`; then no more calls,
  /// and lookups end the same way once what they have taken is answered; blocks until the calls in flight are answered, for
  /// `limit` in all. Zero stops at once. Later calls of Shutdown wait for the first. *Errors:* DEADLINE_EXCEEDED if calls were
  /// cut off, with their number.
  absl::Status Shutdown(std::chrono::nanoseconds limit);

 private:
  class Impl;
  explicit UserServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace userclient
