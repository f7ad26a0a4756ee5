#pragma once

#include <string>

namespace userclient::internal {

/// What OpenSSL last complained of on this thread, in its own words, and nothing of it left behind; empty if it did not.
std::string TakeOpensslError();

}  // namespace userclient::internal
