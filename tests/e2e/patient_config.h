#pragma once

#include <string>

namespace userclient::testing {

/// What this service config says, but that every attempt has as much time as its call, and no call less than 20 s: a slow machine
/// then makes no attempt that the test does not expect.
std::string PatientConfig(const std::string& file);

}  // namespace userclient::testing
