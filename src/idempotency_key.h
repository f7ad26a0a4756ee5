#pragma once

#include <string>

namespace userclient::internal {

/// A random UUID (RFC 9562, version 4): the same user must not be created twice, whoever else is creating users.
std::string NewIdempotencyKey();

}  // namespace userclient::internal
