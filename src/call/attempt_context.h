#pragma once

#include <grpc/support/time.h>
#include <grpcpp/client_context.h>

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "policy/pushback.h"
#include "policy/time.h"
#include "userclient/call_options.h"

namespace userclient::internal {

/// The grpc::ClientContext of one attempt, as the call's options want it.
class AttemptContext {
 public:
  /// `previous_attempts` goes to the server as `grpc-previous-rpc-attempts` (gRFC A6), unless it is 0. `added` goes there with
  /// the caller's metadata; a trace context in it takes the place of InboundTrace(options).
  AttemptContext(const CallOptions& options, TimePoint deadline, int previous_attempts, const Metadata& added);
  AttemptContext(const AttemptContext&) = delete;
  AttemptContext& operator=(const AttemptContext&) = delete;

  grpc::ClientContext& grpc() { return *context_; }

  /// Remembers the peer, which gRPC forgets of an attempt that is cancelled. Only of one that the server has begun to answer:
  /// until then gRPC may repeat it over another connection, and the name that it has (1.51) may go with the first one.
  void KeepPeer();

  /// While this lives, either of the two cancels the attempt.
  void CancelOn(const std::stop_token& stop, const std::stop_token& shutdown);

  // Of an attempt that has ended:
  Pushback pushback() const;
  /// The server had sent response headers with metadata in them. (Headers without any look to a C++ caller like none at all.)
  bool ReceivedHeaders() const { return !context_->GetServerInitialMetadata().empty(); }
  /// As gRPC names it; empty, where gRPC gives the target: if there was no connection, or the attempt ended before any answer.
  std::string peer() const;
  void CopyMetadata(ResponseMetadata& metadata) const;

 private:
  struct Cancel {
    grpc::ClientContext* context;
    void operator()() const { context->TryCancel(); }
  };

  // Made here, or by gRPC from the parent's.
  std::optional<grpc::ClientContext> own_;
  std::unique_ptr<grpc::ClientContext> inherited_;
  grpc::ClientContext* context_;
  std::string kept_peer_;
  std::optional<std::stop_callback<Cancel>> cancel_on_stop_;
  std::optional<std::stop_callback<Cancel>> cancel_on_shutdown_;
};

/// The same moment for gRPC, whose monotonic clock may count from another beginning than libstdc++'s steady one.
gpr_timespec ToTimespec(TimePoint time);

/// The parent's deadline by the steady clock; nullopt if it has none.
std::optional<TimePoint> ParentDeadline(const grpc::ServerContextBase& parent, TimePoint now);

/// Whether the caller, or the call on whose behalf it acts, has given up.
bool CancelledByCaller(const CallOptions& options);

}  // namespace userclient::internal
