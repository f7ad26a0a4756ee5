#pragma once

/// A real UserService in the test's own process, sick exactly as the test says.
///
///   auto server = FlakyUserServer::Start({.seed_users = 3});
///   server->Script("GetUser", {Fail(absl::StatusCode::kUnavailable).WithPushback(100ms), Delay(50ms), Hang(), Ok()});
///   ... call server->address() ...
///   EXPECT_EQ(server->attempts("GetUser"), 2);
///   EXPECT_EQ(server->ReceivedAttempts("GetUser")[1].previous_attempts, 1);

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "userclient/server/fault_injector.h"
#include "userclient/server/received_attempt.h"
#include "userclient/server/user_server.h"

namespace userclient::testing {

/// What one attempt meets. Made by the functions below, refined by `With...`.
class Step {
 public:
  explicit Step(Fault fault) : fault_(std::move(fault)) {}

  /// The trailer grpc-retry-pushback-ms: retry after exactly this time; whole milliseconds.
  Step WithPushback(std::chrono::milliseconds pushback) const;
  /// The trailer grpc-retry-pushback-ms: do not retry.
  Step WithPushbackStop() const;
  /// Waits first.
  Step WithDelay(std::chrono::nanoseconds delay) const;
  /// Sends the initial metadata at once, which commits the call.
  Step WithHeaders() const;
  Step WithTrailer(std::string key, std::string value) const;
  /// Adds to the google.rpc.BadRequest of a failure.
  Step WithViolation(std::string field, std::string description) const;
  /// For so many attempts in a row.
  Step Times(int times) const;
  /// Of a stream: only once so many messages went well.
  Step After(int64_t messages) const;

  const Fault& fault() const { return fault_; }

 private:
  Fault fault_;
};

/// Answers with this status, not kOk.
Step Fail(absl::StatusCode code, std::string message = "told to fail");
/// Answers as a healthy server.
Step Ok();
/// Never answers.
Step Hang();
/// Answers as a healthy server, after a while.
Step Delay(std::chrono::nanoseconds delay);
/// The handler throws: the client sees INTERNAL.
Step Throw();
/// Answers bytes that are no message.
Step Garbage();
/// Cuts the connection, as a server does that dies.
Step Drop();
/// Of a stream: waits before each message.
Step Slow(std::chrono::nanoseconds pause);
/// Of a stream: sends everything, but never an end.
Step NeverHalfClose();

struct FlakyUserServerOptions {
  int seed_users = 0;
  /// Events of activity of every seeded user, besides his creation.
  int seed_activity = 0;
  /// How long a watch may be silent before it sends its position.
  std::chrono::nanoseconds watch_heartbeat = std::chrono::seconds(5);
  /// HOST:PORT; several servers behind one name can take one port on 127.0.0.1, 127.0.0.2, ...
  std::string listen_address = "127.0.0.1:0";
  /// Sent as the trailer `x-served-by`.
  std::optional<std::string> name{};
  /// Null: a memory store of the server's own. It survives a Restart.
  std::shared_ptr<UserStore> store{};
  std::optional<ServerTlsFiles> tls{};
  std::optional<std::filesystem::path> token_file{};
  /// These as in UserServerOptions.
  std::optional<RateLimit> rate_limit{};
  std::optional<int> max_concurrent_calls{};
  std::optional<int> max_concurrent_streams{};
  std::optional<std::chrono::nanoseconds> max_connection_age{};
  std::chrono::nanoseconds max_connection_age_grace = std::chrono::seconds(30);
};

/// Thread-safe, except for being moved. A method is the name of an rpc, for example "GetUser", or "*" for all of them; another
/// name aborts the process.
class FlakyUserServer {
 public:
  static absl::StatusOr<FlakyUserServer> Start(FlakyUserServerOptions options = {});

  FlakyUserServer(FlakyUserServer&&) noexcept;
  FlakyUserServer& operator=(FlakyUserServer&&) noexcept;
  ~FlakyUserServer();

  /// HOST:PORT; the same after a Restart.
  const std::string& address() const;
  int port() const;

  /// From now on the attempts of this method meet these steps, one each; then it is healthy again. Aborts the process if the
  /// script cannot be.
  void Script(std::string_view method, const std::vector<Step>& steps);
  /// The same, over and over.
  void ScriptRepeatedly(std::string_view method, const std::vector<Step>& steps);
  /// How many attempts the script of this method is still for; 0 without one, absent if it repeats. That of "*" is none of a
  /// single method's.
  std::optional<int64_t> steps_left(std::string_view method) const;

  /// Replaces all faults by those of this JSON (see fault_injector.h); `{}` heals.
  absl::Status SetFaults(std::string_view json);

  /// What has arrived since Start, over restarts, whether answered or not. `calls` counts first attempts only.
  int64_t attempts(std::string_view method) const;
  int64_t calls(std::string_view method) const;
  /// In order of arrival.
  std::vector<ReceivedAttempt> ReceivedAttempts(std::string_view method) const;
  /// Of every method, in order of arrival.
  std::vector<ReceivedAttempt> requests() const;
  /// Streams that have arrived and are not gone.
  int64_t open_streams() const;
  /// Forgets what has arrived.
  void ClearRequests();

  /// Blocks until at least `count` attempts of this method have arrived, or the limit is over: false.
  bool AwaitAttempts(std::string_view method, int64_t count, std::chrono::nanoseconds limit = std::chrono::seconds(30)) const;

  /// Closes the port and cuts off what is in flight. The faults and what has arrived stay. Nobody else is given the port in the
  /// meantime; what is to listen there instead asks for SO_REUSEADDR.
  void Stop();
  /// Closes the port and waits for what is in flight. *Errors:* DEADLINE_EXCEEDED if calls were cut off.
  absl::Status Shutdown(std::chrono::nanoseconds limit);
  /// Stops, and starts again on the same port with the same store and faults; scripts go on where they were.
  absl::Status Restart();

 private:
  struct Impl;
  explicit FlakyUserServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace userclient::testing
