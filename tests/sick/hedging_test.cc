// Hedging and ejection together: gRPC counts the loser of a hedge, which is cancelled, as a failure of its pod. A pod that is so
// slow that it always loses is ejected, and the hedges that it has caused cease with it.

#include <chrono>
#include <future>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/config/files.h"
#include "tests/sick/load.h"
#include "tests/support/test_client.h"
#include "userclient/testing/flaky_user_server.h"

namespace userclient {
namespace {

using namespace std::chrono_literals;
using testing::ConnectTo;
using testing::Delay;
using testing::FlakyUserServer;
using testing::Outcomes;
using testing::RunLoad;

constexpr auto kHealthy = 15ms;
constexpr auto kSlow = 20s;

/// Five servers, of which the first is slow.
class HedgingTest : public ::testing::Test {
 protected:
  HedgingTest() {
    for (int i = 0; i < 5; ++i) {
      absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.seed_users = 10'000});
      EXPECT_TRUE(server.ok()) << server.status();
      servers_.push_back(*std::move(server));
      servers_.back().ScriptRepeatedly("GetUser", {Delay(i == 0 ? std::chrono::milliseconds(kSlow) : kHealthy)});
      absl::StrAppend(&target_, i == 0 ? "" : ",", servers_.back().address());
    }
  }

  std::vector<FlakyUserServer> servers_;
  std::string target_ = "ipv4:";
};

/// The balancing of the shipped hedging.json around this policy for all methods.
std::string ShippedBalancingWith(const std::string& policy) {
  const auto shipped = nlohmann::json::parse(ReadText(SourceFile("service_config/hedging.json")));
  return absl::StrCat(
      R"({"loadBalancingConfig": )", shipped.at("loadBalancingConfig").dump(),
      R"(, "methodConfig": [{"name": [{"service": "user.v1.UserService", "method": "GetUser"}], "timeout": "60s")", policy,
      "}]}");
}

TEST_F(HedgingTest, CutsTheSlowestCallsTenfoldForAFewAttemptsMore) {
  // Late enough that a healthy server on a busy machine is seldom hedged, soon enough for a tenth of the slow answer: a thread of
  // such a machine may wait for its turn longer than a healthy answer takes.
  const UserClient plain = ConnectTo(target_, ShippedBalancingWith(""));
  const UserClient hedged = ConnectTo(
      target_, ShippedBalancingWith(
                   R"(, "hedgingPolicy": {"maxAttempts": 3, "hedgingDelay": "0.7s", "nonFatalStatusCodes": ["UNAVAILABLE"]})"));

  auto plainly = std::async(std::launch::async, [&] { return RunLoad(plain, {.calls_per_second = 100, .lasting = 1s}); });
  const Outcomes with = RunLoad(hedged, {.calls_per_second = 100, .lasting = 12s});
  const Outcomes without = plainly.get();

  EXPECT_EQ(without.Failed() + with.Failed(), 0);
  EXPECT_GE(without.Percentile(0.99), kSlow);
  EXPECT_LE(with.Percentile(0.99), kSlow / 10);
  EXPECT_LE(with.AttemptsPerCall(), 1.10);
}

}  // namespace
}  // namespace userclient
