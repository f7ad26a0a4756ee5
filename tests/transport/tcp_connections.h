#pragma once

#include <chrono>
#include <functional>

namespace userclient::testing {

/// TCP connections that clients on this machine have established to this port, as the kernel counts them.
int ConnectionsTo(int port);

/// Asks until the answer is yes: true; or the limit is over: false.
bool Eventually(const std::function<bool()>& condition, std::chrono::nanoseconds limit = std::chrono::seconds(30));

}  // namespace userclient::testing
