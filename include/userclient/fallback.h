#pragma once

/// What the caller gets instead of a failure while the service is down:
///
///   client->GetUser(request, {.fallback = FallbackTo(unknown_user)});
///   client->GetUser(request, {.fallback = [&](const absl::Status& failure, google::protobuf::MessageLite& answer) {
///     return local_copy.Find(request.user_id(), static_cast<GetUserResponse&>(answer));
///   }});
///
/// For all calls of a method, see ClientOptions::fallbacks. Breakers and reports still see the failure (CallReport::source).

#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "userclient/internal/fixed_answer.h"

namespace google::protobuf {
class MessageLite;
}  // namespace google::protobuf

namespace userclient {

/// Fills the empty `answer`, which is of the method's response type, and returns true; or returns false: the caller then gets
/// `failure`.
///
/// Asked when a call has ended with UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, INTERNAL, UNKNOWN or DATA_LOSS, also
/// when the client itself refused to send it. Never asked for what is an answer of a service that works (NOT_FOUND,
/// PERMISSION_DENIED, ...), nor when the caller cancelled.
///
/// Runs on the thread that ends the call: the caller's own for a blocking call, else mostly one of gRPC's, which must not block.
/// No lock is held. Must not throw: nobody there could catch it. The time it takes comes on top of the call's deadline.
using Fallback = std::function<bool(const absl::Status& failure, google::protobuf::MessageLite& answer)>;

/// Always this answer. A call whose method answers with another type is refused with INVALID_ARGUMENT, and sends nothing.
template <class Response>
Fallback FallbackTo(Response value) {
  return internal::FixedAnswer(std::make_shared<const Response>(std::move(value)));
}

}  // namespace userclient
