#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace userclient::benchmark {

/// Calls that are kept in flight: as soon as one is answered, its caller makes the next.
class ClosedLoop {
 public:
  virtual ~ClosedLoop() = default;

  /// Answered so far. Never blocks.
  virtual int64_t calls() const = 0;

  /// Waits for the calls in flight and makes no more. *Errors:* the first call that failed.
  virtual absl::Status Stop() = 0;
};

/// One way of calling GetUser whose speed is measured, on connections of its own: gRPC's generated stub, or the SDK with some
/// service config.
class Subject {
 public:
  virtual ~Subject() = default;

  /// Makes so many calls and waits for them; so many of them at once, but for a subject that blocks, which makes them one by one.
  /// *Errors:* the first call that failed.
  virtual absl::Status Call(int64_t count, int in_flight) = 0;

  /// Returns when every one of the callers has had its first answers.
  virtual std::unique_ptr<ClosedLoop> Start(int callers) = 0;
};

/// What is called, by whatever subject.
struct SubjectOptions {
  /// Of several addresses: `ipv4:` and a list.
  std::string target{};
  std::string user_id = "u-1";
  /// Calls may take ten minutes, and a million of them may be in flight.
  bool patient = false;
  /// Of the SDK: who is told of its calls, see observers.h. Empty: nobody.
  std::string observer{};
};

/// The authority of a list of addresses. gRPC would take the whole list, and of a hundred no server would take that.
inline constexpr char kAuthorityOfLists[] = "users.test";

inline bool IsList(const std::string& target) { return target.find(',') != std::string::npos; }

/// Makes a subject by its name. Blocking, each caller a thread:
///
///   raw                 generated stub, one channel with gRPC's own defaults, a deadline for each call: as a program without the
///                       SDK would use it
///   raw-2-channels      the same on two of them, in turns
///   raw-light           as raw without gRPC's retry filter: what the stub costs on a channel like that of `sdk`
///   sdk                 UserClient with the built-in policies (retries, breaker, limit) on one connection, as the stub has it;
///                       it retries itself, and so leaves gRPC's retry filter out
///   sdk-no-retries      as sdk without retryPolicy, and so with gRPC's retry filter
///   sdk-2-channels      as sdk with two connections
///   sdk-pool            UserClient with the built-in config as it is: a pool of connections that grows
///
/// Called back, no thread waits:
///
///   raw-callback             as raw, by the stub's async() with a function
///   raw-callback-2-channels  as raw-2-channels, likewise
///   raw-callback-light       as raw-light, likewise
///   raw-callback-balanced    as raw-callback with round_robin over all addresses of the target
///   raw-callback-ejecting    as raw-callback-balanced, in the outlier detection of the built-in config
///   sdk-callback             as sdk, by GetUserAsync and Then
///   sdk-callback-2-channels  as sdk-2-channels, likewise
///   sdk-callback-pool        as sdk-pool, likewise
///
/// Streams of StreamActivity, where each message counts as a call (see StreamSubject):
///
///   raw-stream           generated stub, blocking, each caller a thread
///   raw-stream-callback  generated stub, by its async() with a reactor
///   sdk-stream           UserClient on one connection, by Next, each caller a thread
///   sdk-stream-async     UserClient on one connection, by NextAsync in a coroutine
///
/// With "+log" or another observer after its name, such as sdk-callback+prometheus, an SDK tells that observer of every call.
///
/// *Errors:* INVALID_ARGUMENT for any other name.
absl::StatusOr<std::unique_ptr<Subject>> MakeSubject(std::string_view name, const SubjectOptions& options);

/// Every name that MakeSubject knows, in the order above, then sdk-callback with each observer that this build has.
std::vector<std::string> SubjectNames();

}  // namespace userclient::benchmark
