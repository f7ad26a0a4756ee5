#pragma once

#include <grpcpp/client_context.h>

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "policy/pushback.h"
#include "policy/time.h"
#include "userclient/call_options.h"

namespace userclient::internal {

/// The grpc::ClientContext of one attempt, as the call's options want it. While it lives, the caller's stop token cancels the
/// attempt.
class AttemptContext {
 public:
  /// `previous_attempts` goes to the server as `grpc-previous-rpc-attempts` (gRFC A6), unless it is 0.
  AttemptContext(const CallOptions& options, TimePoint deadline, int previous_attempts);
  AttemptContext(const AttemptContext&) = delete;
  AttemptContext& operator=(const AttemptContext&) = delete;

  grpc::ClientContext& grpc() { return *context_; }

  // Of an attempt that has ended:
  Pushback pushback() const;
  /// The server had sent response headers with metadata in them. (Headers without any look to a C++ caller like none at all.)
  bool ReceivedHeaders() const { return !context_->GetServerInitialMetadata().empty(); }
  std::string peer() const { return context_->peer(); }
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
  std::optional<std::stop_callback<Cancel>> cancel_on_stop_;
};

/// The parent's deadline by the steady clock; nullopt if it has none.
std::optional<TimePoint> ParentDeadline(const grpc::ServerContextBase& parent, TimePoint now);

/// Whether the caller, or the call on whose behalf it acts, has given up.
bool CancelledByCaller(const CallOptions& options);

}  // namespace userclient::internal
