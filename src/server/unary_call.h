#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "server/attempt.h"
#include "server/call_environment.h"

namespace userclient::internal {

/// The way of one attempt of a unary method through the server, from its arrival to its answer:
///
///   count it ─► token ─► fault? ─► headers, delay ─► status | throw | garbage | drop | hang
///                          └ none ─► the handler ─► trailers, counters, log ─► answer
///
/// Holds no thread while it waits. Deletes itself when gRPC is done with it.
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  /// Fills `response` or fails; may throw. Runs at most once.
  using Handler = std::function<absl::Status(std::optional<std::string_view> request, std::string& response)>;

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
  /// After the delay of a fault.
  void Answer();
  void Handle();
  void RunHandler();
  /// The end of every attempt; `this` may be gone afterwards. `error` is for the log alone.
  void End(const absl::Status& status, const std::string& error = "");

  Attempt attempt_;
  grpc::ByteBuffer* const response_;
  const Handler handler_;
  const std::optional<std::string> request_;
  grpc::Alarm delay_;
  // Set before gRPC hears of the reactor, so OnCancel sees it.
  bool hangs_ = false;
};

}  // namespace userclient::internal
