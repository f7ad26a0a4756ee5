#pragma once

/// Makes the reference server sick on purpose, and the same way every time.
///
///   {"seed": 7,
///    "faults": [
///      {"method": "GetUser", "probability": 0.3, "status": "UNAVAILABLE", "message": "try later", "pushback": "0.2s"},
///      {"method": "*", "probability": 0.01, "delay": "0.5s", "times": 100},
///      {"method": "CreateUser", "script": [{"status": "UNAVAILABLE"}, {"hang": true}, {"ok": true}], "repeat": true}
///    ]}
///
/// Every attempt of a method (`*`: of any) meets the first entry that applies to it. An entry with a probability applies at
/// random, at most `times` times if given; a script applies one step to each attempt (a step with `times`: to so many), and after
/// its last step no more, or from the first again with `repeat`. The same seed gives the same sequence; without one every start
/// differs.
///
/// A fault, and a step of a script, is any sensible combination of:
///
///   "ok": true            answer as if healthy (a script's step that injects nothing)
///   "delay": "0.1s"       wait before anything else
///   "headers": true       send the initial metadata at once, which commits the call
///   "status": "UNAVAILABLE", "message": "...", "details": [{"field": "email", "description": "..."}]
///   "hang": true          never answer; ends with the client's cancellation or deadline, or with the server
///   "throw": true         the handler throws
///   "garbage": true       answer bytes that are no message
///   "drop": true          cut the connection, as a server does that dies: everything on it fails with UNAVAILABLE, and what was
///                         sent last may be lost
///   "pushback": "0.2s" or "stop"   the trailer grpc-retry-pushback-ms
///   "metadata": {"key": "value"}   further trailers
///
/// and, for a method that streams:
///
///   "after": 3            the status, hang, throw, drop or garbage comes once so many messages were sent, or, where only the
///                         client streams, were taken; what a watch sends as a sign of life does not count
///   "slow": "0.01s"       wait before each message
///   "never_half_close": true   do everything, but never end the stream: not when all is sent, not when the client has closed its
///                         half, not when the server drains

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace userclient {

/// What happens to one attempt. At most one of `status`, `hang`, `throws`, `garbage`, `drop` and `never_half_close`; none of
/// them: the healthy answer, perhaps late.
struct Fault {
  std::chrono::nanoseconds delay{};
  bool headers = false;
  /// Not kOk.
  std::optional<absl::StatusCode> status{};
  std::string message{};
  /// Field and description, sent as google.rpc.BadRequest.
  std::vector<std::pair<std::string, std::string>> violations{};
  bool hang = false;
  bool throws = false;
  bool garbage = false;
  bool drop = false;
  /// Of a stream: how many messages go well before its end.
  int64_t after = 0;
  /// Of a stream: before each message.
  std::chrono::nanoseconds slow{};
  /// Of a stream.
  bool never_half_close = false;
  /// Content of the trailer grpc-retry-pushback-ms, in milliseconds; negative says "do not retry".
  std::optional<int64_t> pushback_ms{};
  /// Trailers. Legal names of metadata only.
  std::vector<std::pair<std::string, std::string>> metadata{};
  /// How many attempts in a row this step of a script is for.
  int times = 1;
};

/// Decides which attempt meets which fault. Thread-safe; may be shared by several servers, and outlives a restart of one.
class FaultInjector {
 public:
  /// Healthy until told otherwise.
  FaultInjector();
  ~FaultInjector();

  FaultInjector(const FaultInjector&) = delete;
  FaultInjector& operator=(const FaultInjector&) = delete;

  /// Replaces all faults; `{}` heals. *Errors:* INVALID_ARGUMENT with the path (`faults[0].probability: must be from 0 to 1`),
  /// every mistake at once; nothing is changed then.
  absl::Status Set(std::string_view json);

  /// Puts a script in the place of everything that was set for this method alone; what was set for others or for `*` stays and
  /// comes after it. *Errors:* INVALID_ARGUMENT for an unknown method or a step that it cannot
  /// meet.
  absl::Status Script(std::string_view method, std::vector<Fault> steps, bool repeat = false);

  /// How many attempts the scripts of this method, or `*`, are still for; 0 without one, absent if one repeats. *Errors:*
  /// INVALID_ARGUMENT for an unknown method.
  absl::StatusOr<std::optional<int64_t>> StepsLeft(std::string_view method) const;

  /// A fault and where it was asked for, for example `faults[0].script[2]`.
  struct Injection {
    Fault fault{};
    std::string source{};
  };

  /// Called once for every attempt. nullopt: it is healthy.
  std::optional<Injection> Next(std::string_view method);

 private:
  struct Rules;
  std::unique_ptr<Rules> rules_;
};

}  // namespace userclient
