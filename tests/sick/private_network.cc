#include "tests/sick/private_network.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <cerrno>
#include <system_error>
#include <vector>

#include "tests/e2e/program.h"

namespace userclient::testing {
namespace {

/// Empty if it worked.
std::string RunIp(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"/usr/bin/env", "ip"});
  const Program::Result result = Program(arguments).Wait();
  return result.exit_status == 0 ? "" : result.err;
}

void MustRunIp(const std::vector<std::string>& arguments) { EXPECT_EQ(RunIp(arguments), ""); }

}  // namespace

std::optional<std::string> EnterPrivateNetwork() {
  if (unshare(CLONE_NEWNET) != 0) return "a network namespace cannot be had: " + std::generic_category().message(errno);
  // The rule for addresses of this machine is the first of all; rules about lost packets must come before it.
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"link", "set", "lo", "up"}, {"rule", "add", "pref", "100", "lookup", "local"}, {"rule", "del", "pref", "0"}}) {
    if (const std::string error = RunIp(arguments); !error.empty()) return "the program ip says: " + error;
  }
  return std::nullopt;
}

void LoseWhatComesFrom(const std::string& host) { MustRunIp({"rule", "add", "pref", "10", "from", host, "blackhole"}); }

void LoseNothingFrom(const std::string& host) { MustRunIp({"rule", "del", "pref", "10", "from", host}); }

}  // namespace userclient::testing
