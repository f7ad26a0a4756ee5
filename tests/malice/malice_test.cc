// Servers that mean harm, or are none: whatever they send, a call ends with a sensible status by its deadline, and a healthy
// server that takes their place is used.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <tuple>

#include "tests/malice/faces.h"
#include "tests/malice/malices.h"
#include "tests/malice/malicious_server.h"
#include "tests/support/test_client.h"
#include "tests/transport/tcp_connections.h"
#include "userclient/server/user_server.h"

namespace userclient::testing {
namespace {

using namespace std::chrono_literals;

class MaliceTest : public ::testing::TestWithParam<std::tuple<Malice, Face>> {};

TEST_P(MaliceTest, EndsInTimeAndAHealthyServerIsUsedAfterwards) {
  const Malice& malice = std::get<0>(GetParam());
  const Face face = std::get<1>(GetParam());
#ifdef __SANITIZE_ADDRESS__
  if (malice.name == "Status99") GTEST_SKIP() << "gRPC's own header puts it into an enum, which ends the process here";
#endif
  std::optional<MaliciousServer> server(std::in_place, malice.behaviour);
  const std::string address = server->address();
  const UserClient client = ConnectTo(address);
  const std::chrono::nanoseconds timeout = malice.endless ? kDeadline : kPatience;
  const auto began = std::chrono::steady_clock::now();

  const absl::Status status = CallOver(face, client, timeout);

  EXPECT_LT(std::chrono::steady_clock::now() - began, timeout + kGrace);
  EXPECT_THAT(face == Face::kStream ? malice.stream_ends : malice.ends, ::testing::Contains(status.code())) << status;

  server.reset();
  const auto healthy = UserServer::Start({.listen_address = address, .seed_users = 3, .seed_activity = 3});
  ASSERT_TRUE(healthy.ok()) << healthy.status();
  EXPECT_TRUE(Eventually([&] { return CallOver(face, client, 1s).ok(); }));
}

INSTANTIATE_TEST_SUITE_P(, MaliceTest,
                         ::testing::Combine(::testing::ValuesIn(Malices()),
                                            ::testing::Values(Face::kBlocking, Face::kAsync, Face::kStream)),
                         [](const auto& test) { return std::get<0>(test.param).name + NameOf(std::get<1>(test.param)); });

}  // namespace
}  // namespace userclient::testing
