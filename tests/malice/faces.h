#pragma once

#include <chrono>
#include <iosfwd>
#include <string>

#include "absl/status/status.h"
#include "userclient/user_client.h"

namespace userclient::testing {

/// The ways to call, which meet a server's answer in different code.
enum class Face { kBlocking, kAsync, kStream };

std::string NameOf(Face face);
void PrintTo(Face face, std::ostream* out);

/// One call this way, and how it ended.
absl::Status CallOver(Face face, const UserClient& client, std::chrono::nanoseconds timeout);

}  // namespace userclient::testing
