#pragma once

#include <optional>
#include <string>

namespace userclient::testing {

/// Gives this process a network of its own: a loopback interface that nobody else sees, and whose packets can be lost. To be
/// called before there is any other thread. What is in the way, if it cannot be had; it takes root and the program `ip`.
std::optional<std::string> EnterPrivateNetwork();

/// What this address sends is lost from now on, without a word: no answer, no acknowledgement, no reset. Only in a private
/// network.
void LoseWhatComesFrom(const std::string& host);

/// And no more.
void LoseNothingFrom(const std::string& host);

}  // namespace userclient::testing
