#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

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

  /// Makes so many calls and waits for them; how many at once is the subject's choice. *Errors:* the first call that failed.
  virtual absl::Status Call(int64_t count) = 0;

  /// Returns when every one of the callers has had its first answers.
  virtual std::unique_ptr<ClosedLoop> Start(int callers) = 0;
};

/// Makes a subject by its name. Blocking, each caller a thread:
///
///   raw                 generated stub, one channel with gRPC's own defaults, a deadline for each call: as a program without the
///                       SDK would use it
///   raw-light           the same without gRPC's retry filter: what the stub costs on a channel like that of `sdk`
///   sdk                 UserClient with the built-in policies (retries, breaker, limit) on one connection, as the stub has it;
///                       it retries itself, and so leaves gRPC's retry filter out
///   sdk-no-retries      as sdk without retryPolicy, and so with gRPC's retry filter
///   sdk-2-channels      as sdk with two connections
///   sdk-pool            UserClient with the built-in config as it is: a pool of connections that grows
///
/// Called back, no thread waits:
///
///   raw-callback        as raw, by the stub's async() with a function
///   raw-callback-light  as raw-light, likewise
///   sdk-callback        as sdk, by GetUserAsync and Then
///   sdk-callback-pool   as sdk-pool, likewise
///
/// Streams of StreamActivity, where each message counts as a call (see StreamSubject):
///
///   raw-stream           generated stub, blocking, each caller a thread
///   raw-stream-callback  generated stub, by its async() with a reactor
///   sdk-stream           UserClient on one connection, by Next, each caller a thread
///   sdk-stream-async     UserClient on one connection, by NextAsync in a coroutine
///
/// *Errors:* INVALID_ARGUMENT for any other name.
absl::StatusOr<std::unique_ptr<Subject>> MakeSubject(std::string_view name, const std::string& target);

}  // namespace userclient::benchmark
