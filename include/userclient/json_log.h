#pragma once

/// Writes what a client does as JSON, one object a line, for a log that machines read.
///
///   options.observers = {std::make_shared<userclient::JsonLog>()};                                     // failures, on stderr
///   options.observers = {std::make_shared<userclient::JsonLog>(
///       userclient::JsonLogOptions{.write = userclient::WriteLinesTo(file), .level = userclient::LogLevel::kCalls})};
///
///   {"time":"2026-11-20T12:00:00.123Z","event":"call","target":"dns:///users:50051","method":"user.v1.UserService/GetUser",
///    "compartment":"reads","code":"UNAVAILABLE","end":"attempts_exhausted","attempts":3,"duration":0.3121, ...}
///
/// docs/telemetry.md describes every line. No request, no answer, no metadata and no credential is ever written; what a server
/// says about an error is, unless `messages` is off. A call that is traced has a `trace_id`: that of its last attempt if an
/// observer before this one traces, else the inbound one.
///
/// A line that cannot be written (a full disk, a pipe that nobody empties) is lost, and costs no call. The log goes on with the
/// next one, and says first how many it has lost: {"event":"lines_lost","lines":3, ...}. A pipe whose reader has gone raises
/// SIGPIPE, which ends a process that does not ignore it: std::signal(SIGPIPE, SIG_IGN), and its lines are lost like others.

#include <functional>
#include <iosfwd>
#include <memory>
#include <mutex>
#include <string_view>

#include "userclient/observer.h"

namespace userclient {

/// Which calls get a line. Changes of breakers, and what the client notices between calls, always do.
enum class LogLevel {
  /// Those that ended with another status than OK, also where something stood in for the answer (`stale`, `fallback`). A `shared`
  /// answer that is OK is none of them.
  kFailures = 1,
  /// Also those that needed more than one attempt.
  kRetries = 2,
  /// Every call.
  kCalls = 3,
  /// Every call, and every attempt as it ends.
  kAttempts = 4,
};

struct JsonLogOptions {
  /// Given one line at a time, without its end, on the threads of calls: must not block for long, and not throw. Empty: whole
  /// lines to file descriptor 2, past std::cerr.
  std::function<void(std::string_view line)> write{};
  LogLevel level = LogLevel::kFailures;
  /// Whether the messages of statuses are written: a server may put into them what no log should hold.
  bool messages = true;
};

/// *Thread-safe.*
class JsonLog final : public Observer {
 public:
  explicit JsonLog(JsonLogOptions options = {});

  void OnClientStart(const ObservedClient& client) override;
  std::unique_ptr<CallState> OnCallStart(const ObservedCall& call, const CallOptions& options) override;
  void OnAttemptStart(const ObservedCall& call, const ObservedAttempt& attempt, CallState* state, Metadata& metadata) override;
  void OnAttemptEnd(const ObservedCall& call, const ObservedAttempt& attempt, const AttemptReport& report,
                    CallState* state) override;
  void OnCallEnd(const ObservedCall& call, const CallReport& report, const absl::Status& status, CallState* state) override;
  void OnCircuitChange(const ObservedClient& client, std::string_view compartment, const CircuitTransition& transition) override;
  void OnClientEvent(const ObservedClient& client, const ClientEvent& event) override;

 private:
  bool Wants(const CallReport& report, const absl::Status& status) const;
  void Write(std::string_view line);

  const JsonLogOptions options_;
  /// One line at a time.
  std::mutex writing_;
};

/// Writes every line to a stream and flushes it. The stream must live as long as the log and be written to by nobody else. What a
/// failed write left in its state is cleared before the next line, and what it throws (std::ostream::exceptions) counts as a
/// failed write. A line may be torn by one: what comes after it begins on a line of its own, so there may be an empty one.
std::function<void(std::string_view line)> WriteLinesTo(std::ostream& stream);

}  // namespace userclient
