#pragma once

#include <google/protobuf/message_lite.h>

#include <string>

#include "userclient/call_options.h"

namespace userclient::internal {

/// What makes two calls of one method the same: the request, and the caller's metadata, because the answer may depend on who
/// asks. The order of keys does not matter, that of the values of one key does. The trace context (`traceparent`, `tracestate`)
/// is no part of it: it is another one for every call and says nothing about the answer.
std::string RequestKey(const google::protobuf::MessageLite& request, const Metadata& metadata);

}  // namespace userclient::internal
