#include "tests/sick/private_network.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <cerrno>
#include <system_error>
#include <vector>

#include "tests/e2e/program.h"

namespace userclient::testing {
namespace {

/// Debian keeps them where the PATH of an ordinary user does not go.
constexpr char kPath[] = "PATH=/usr/sbin:/sbin:/usr/bin:/bin";

/// Empty if it worked.
std::string Run(const std::string& program, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"/usr/bin/env", kPath, program});
  const Program::Result result = Program(arguments).Wait();
  if (result.exit_status == 0) return "";
  return result.err.empty() ? program + " has failed without a word" : result.err;
}

std::string RunIp(const std::vector<std::string>& arguments) { return Run("ip", arguments); }

std::vector<std::string> LossRule(const std::string& direction, int port, double share) {
  return {"--append", "INPUT",     "--protocol", "tcp",    direction,       std::to_string(port),
          "--match",  "statistic", "--mode",     "random", "--probability", std::to_string(share),
          "--jump",   "DROP"};
}

/// Of this process. Elsewhere nobody's packets may be lost.
bool network_is_private = false;

void MustRunIp(const std::vector<std::string>& arguments) { EXPECT_EQ(RunIp(arguments), ""); }

}  // namespace

std::optional<std::string> EnterPrivateNetwork() {
  if (unshare(CLONE_NEWNET) != 0) return "a network namespace cannot be had: " + std::generic_category().message(errno);
  // The rule for addresses of this machine is the first of all; rules about lost packets must come before it.
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"link", "set", "lo", "up"}, {"rule", "add", "pref", "100", "lookup", "local"}, {"rule", "del", "pref", "0"}}) {
    if (const std::string error = RunIp(arguments); !error.empty()) return "the program ip says: " + error;
  }
  network_is_private = true;
  return std::nullopt;
}

void LoseWhatComesFrom(const std::string& host) { MustRunIp({"rule", "add", "pref", "10", "from", host, "blackhole"}); }

void LoseNothingFrom(const std::string& host) { MustRunIp({"rule", "del", "pref", "10", "from", host}); }

std::optional<std::string> WhyNoPacketLoss() {
  if (!network_is_private) return "this process has no network of its own";
  std::string error = Run("iptables", LossRule("--dport", 1, 0.5));
  if (error.empty()) error = Run("iptables", {"--flush", "INPUT"});
  if (error.empty()) return std::nullopt;
  return "the program iptables says: " + error;
}

void LosePackets(int port, double share) {
  ASSERT_TRUE(network_is_private);
  for (const char* direction : {"--dport", "--sport"}) {
    EXPECT_EQ(Run("iptables", LossRule(direction, port, share)), "");
  }
}

void LoseNoPackets() {
  ASSERT_TRUE(network_is_private);
  EXPECT_EQ(Run("iptables", {"--flush", "INPUT"}), "");
}

}  // namespace userclient::testing
