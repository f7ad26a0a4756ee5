#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "outcome.h"
#include "userclient/user_client.h"

namespace demo {

/// Makes one GetUser call and blocks until it has ended. Thread-safe.
using Caller = std::function<Outcome(const std::string& user_id)>;

/// What a service has without the SDK: the generated stub, round_robin over all addresses, and a deadline on every call.
Caller PlainStubCaller(const std::string& target, std::chrono::nanoseconds timeout);

Caller UserClientCaller(userclient::UserClient client);

}  // namespace demo
