// One of three pods is cut off from the network: its packets are lost, and nothing says so. A program of its own, because it
// needs a network of its own.

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "gtest/gtest.h"
#include "tests/sick/load.h"
#include "tests/sick/pods.h"
#include "tests/sick/private_network.h"
#include "tests/sick/sickness.h"
#include "tests/transport/tcp_connections.h"

namespace userclient {
namespace {

using namespace std::chrono_literals;
using testing::ConnectionsTo;
using testing::Eventually;
using testing::MakeHealthy;
using testing::MakeSick;
using testing::Outcomes;
using testing::Pods;
using testing::RunLoad;
using testing::Sickness;

/// What keeps this process from having a network of its own. Set before there is any other thread.
std::optional<std::string> obstacle;

int PortOf(const std::string& address) {
  int port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port)) << address;
  return port;
}

TEST(BlackHoleTest, FailsNoCallSlowsThemForSecondsAndItsConnectionsAreClosed) {
  if (obstacle) GTEST_SKIP() << "needs root and iproute2: " << *obstacle;
  Pods pods(3);
  for (size_t i = 0; i < 3; ++i) MakeHealthy(pods[i]);
  const int port = PortOf(pods[1].AwaitAddress());
  const absl::StatusOr<UserClient> client =
      UserClient::Create({.target = pods.target(),
                          .credentials = Credentials::Insecure(),
                          .service_config_file = std::filesystem::path(SERVICE_CONFIGS) / "production.json"});
  ASSERT_TRUE(client.ok()) << client.status();
  int connections_before = 0;

  const Outcomes calls = RunLoad(*client, {.calls_per_second = 100,
                                           .lasting = 11s,
                                           .event_at = 1s,
                                           .event =
                                               [&] {
                                                 connections_before = ConnectionsTo(port);
                                                 MakeSick(pods[1], Sickness::kBlackHole);
                                               }})
                             .From(0s);

  EXPECT_EQ(calls.Failed(), 0);
  EXPECT_GT(calls.Slow(450ms), 0) << "nothing met the pod that is cut off";
  // In two of six seconds: in every one that calls meet the pod, some are slow; a machine that stands still spoils one or two.
  EXPECT_GE(calls.From(4s).SecondsWithoutSlow(450ms), 2);
  // Before it would be tried again, after thirty seconds.
  EXPECT_GT(connections_before, 0);
  EXPECT_TRUE(Eventually([&] { return ConnectionsTo(port) == 0; }, 15s));
}

}  // namespace
}  // namespace userclient

int main(int argc, char** argv) {
  userclient::obstacle = userclient::testing::EnterPrivateNetwork();
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
