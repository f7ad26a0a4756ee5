#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "server/call_environment.h"
#include "server/request_log.h"
#include "userclient/server/fault_injector.h"

namespace userclient::internal {

/// One attempt from its arrival to its answer, of whatever kind its method is: what is counted, checked, made sick and logged is
/// the same for all. Not thread-safe, except where it says so.
class Attempt {
 public:
  /// `method` without its service; it must live as long as the server. The context belongs to the attempt.
  Attempt(CallEnvironment& environment, std::string_view method, grpc::CallbackServerContext* context);

  /// Counts the attempt, shows it to `on_attempt`, sets the trailers that every answer has and finds the fault that it meets.
  /// Called once, before anything else. `request`: as received; empty if the client streams. *Errors:* what to answer instead of
  /// handling it.
  absl::Status Arrive(const std::string& request);

  CallEnvironment& environment() const { return environment_; }
  const std::string& request_id() const { return request_id_; }
  bool is_cancelled() const { return context_->IsCancelled(); }

  /// What it meets; null if it is healthy.
  const Fault* fault() const { return injection_ ? &injection_->fault : nullptr; }
  /// The status that its fault asks for; it has one.
  absl::Status FaultStatus() const;

  /// What `handler` returns. If it throws: INTERNAL, and `error` says why. Thread-safe.
  absl::Status Run(const std::function<absl::Status()>& handler, std::string& error) const;

  /// Cuts the connection, or if it cannot be found, cancels the call. The cancellation follows.
  void Drop();

  /// Counts and logs the end, and makes of it what is sent. Called once, last. `error`: what the log alone may tell; `messages`:
  /// of a stream.
  grpc::Status End(const absl::Status& status, const std::string& error, std::optional<MessageCounts> messages = std::nullopt);

  /// To be called once gRPC says that the call is cancelled. Thread-safe.
  void NoteCancelled();

 private:
  absl::Status Admit();

  CallEnvironment& environment_;
  const std::string_view method_;
  grpc::CallbackServerContext* const context_;
  const std::chrono::system_clock::time_point arrived_ = std::chrono::system_clock::now();
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  const std::string request_id_;
  const int previous_attempts_;

  Admission::Seat seat_;
  std::optional<FaultInjector::Injection> injection_;
};

/// By the client, by its deadline, or by the end of the server: gRPC does not tell which.
absl::Status CancelledByGrpc();

/// What the fault `throw` does in the place of a handler.
[[noreturn]] void ThrowAsTold();

/// The bytes of a message; nullopt if none came, which is not the same as an empty one.
std::optional<std::string> ContentOf(const grpc::ByteBuffer& buffer);
grpc::ByteBuffer BufferOf(const std::string& content);
/// Bytes that are no message.
grpc::ByteBuffer GarbageBuffer();

}  // namespace userclient::internal
