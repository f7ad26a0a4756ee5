#pragma once

#include <chrono>
#include <functional>

namespace userclient::testing {

/// Descriptors that this process has open.
int OpenDescriptors();

/// Threads of this process.
int Threads();

/// Asks until the answer is yes: true; or the limit is over: false.
bool Eventually(const std::function<bool()>& condition, std::chrono::nanoseconds limit = std::chrono::seconds(30));

}  // namespace userclient::testing
