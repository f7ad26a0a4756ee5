#pragma once

#include <string>
#include <vector>

namespace userclient::internal {

/// Tells contents of files apart without keeping them: a SHA-256 over all of them, in their order.
std::string Fingerprint(const std::vector<std::string>& contents);

}  // namespace userclient::internal
