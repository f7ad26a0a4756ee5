#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "userclient/call_report.h"
#include "userclient/fallback.h"

namespace grpc {
class ServerContextBase;
}  // namespace grpc

namespace userclient {

/// Pairs of key and value, sent with every attempt. Keys are lower case letters, digits, '_', '-' and '.'; the prefix `grpc-` is
/// reserved. Values are printable ASCII, or any bytes if the key ends in `-bin`.
using Metadata = std::vector<std::pair<std::string, std::string>>;

/// What the server sent besides the answer. Of the last attempt only.
struct ResponseMetadata {
  std::multimap<std::string, std::string> initial{};
  std::multimap<std::string, std::string> trailing{};
};

/// What one call wants differently. Everything is optional:
///
///   client->GetUser(request, {.timeout = 200ms});
///   client->GetUser(request, {.parent = &server_context, .report = &report});
///
/// What a pointer names must live until the call has its answer: for the Async forms that is until it is continued.
struct CallOptions {
  /// For the whole call, over all attempts and waits. Less than 1 ms is refused (Rejection::kDeadlineTooShort). Absent: the
  /// method's `timeout` in the service config, else ClientOptions::default_timeout.
  std::optional<std::chrono::nanoseconds> timeout{};

  /// The inbound call on whose behalf this one is made (a grpc::ServerContext or grpc::CallbackServerContext). This call ends no
  /// later than the parent's deadline, is cancelled with it, and carries its W3C trace context (`traceparent`, `tracestate`).
  const grpc::ServerContextBase* parent = nullptr;

  Metadata metadata{};

  /// Filled when the call returns, whether it succeeded or not.
  ResponseMetadata* response_metadata = nullptr;

  /// Cancels the call, also while it waits between attempts; it then returns CANCELLED. May be triggered from any thread.
  std::stop_token stop{};

  /// Filled when the call returns, whether it succeeded or not.
  CallReport* report = nullptr;

  /// What to answer when the service is down or the call is refused. Goes before the method's own (ClientOptions::fallbacks), and
  /// after an answer that staleIfError has kept.
  Fallback fallback{};
};

}  // namespace userclient
