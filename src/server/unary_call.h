#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "server/call_counters.h"
#include "server/request_log.h"
#include "server/worker_pool.h"
#include "userclient/server/fault_injector.h"
#include "userclient/server/received_attempt.h"

namespace userclient::internal {

/// What all calls of a server share; outlives them. All of it is thread-safe.
struct CallEnvironment {
  FaultInjector& faults;
  CallCounters& counters;
  /// Where handlers run; null: on gRPC's threads.
  WorkerPool* workers = nullptr;
  /// Sent as the trailer `x-served-by`.
  std::optional<std::string> name{};
  /// What every call must bring as a bearer token.
  std::optional<std::string> token{};
  std::function<void(std::string_view)> request_log{};
  std::function<void(const ReceivedAttempt&)> on_attempt{};

  /// From when on a cancellation is the server's doing: the end of the drain, as steady_clock's duration since its epoch.
  std::atomic<std::chrono::steady_clock::rep> cut_off_at{std::numeric_limits<std::chrono::steady_clock::rep>::max()};
  std::atomic<int64_t> cut_off_calls{0};
};

/// The way of one attempt through the server, from its arrival to its answer:
///
///   count it ─► token ─► fault? ─► headers, delay ─► status | throw | garbage | hang
///                          └ none ─► the handler ─► trailers, counters, log ─► answer
///
/// Holds no thread while it waits. Deletes itself when gRPC is done with it.
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  /// Fills `response` or fails; may throw. Runs at most once.
  using Handler = std::function<absl::Status(std::string_view request, std::string& response)>;

  /// `method` without its service; must live as long as the server.
  static grpc::ServerUnaryReactor* Start(CallEnvironment& environment, std::string_view method,
                                         grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response, Handler handler);

  void OnCancel() override;
  void OnDone() override;

 private:
  UnaryCall(CallEnvironment& environment, std::string_view method, grpc::CallbackServerContext* context,
            const grpc::ByteBuffer* request, grpc::ByteBuffer* response, Handler handler);

  void Arrive();
  absl::Status CheckToken() const;
  void SendFaultTrailers();
  /// After the delay of a fault.
  void Answer();
  void Handle();
  void RunHandler();
  /// The end of every attempt; `this` may be gone afterwards. `error` is for the log alone.
  void End(const absl::Status& status, std::string error = "");

  CallEnvironment& environment_;
  const std::string_view method_;
  grpc::CallbackServerContext* const context_;
  grpc::ByteBuffer* const response_;
  const Handler handler_;
  const std::chrono::system_clock::time_point arrived_ = std::chrono::system_clock::now();
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();

  std::string request_;
  std::string request_id_;
  int previous_attempts_ = 0;
  std::optional<FaultInjector::Injection> injection_;
  grpc::Alarm delay_;
  // Set before gRPC hears of the reactor, so OnCancel sees it.
  bool hangs_ = false;
};

}  // namespace userclient::internal
