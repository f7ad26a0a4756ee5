// Peers and targets, as gRPC writes them, in the parts that OpenTelemetry has attributes for.

#include "telemetry/opentelemetry/network_attributes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string_view>

#include "telemetry/metric.h"

namespace userclient::internal {
namespace {

using ::testing::AllOf;
using ::testing::Eq;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::Optional;

auto Is(std::string_view address, auto port, std::string_view transport, std::string_view type) {
  return AllOf(Field(&NetworkAddress::address, Eq(address)), Field(&NetworkAddress::port, port),
               Field(&NetworkAddress::transport, Eq(transport)), Field(&NetworkAddress::type, Eq(type)));
}

auto IsServer(std::string_view address, auto port) {
  return AllOf(Field(&NetworkAddress::address, Eq(address)), Field(&NetworkAddress::port, port));
}

TEST(PeerAddressTest, IsAnAddressAndAPort) {
  EXPECT_THAT(PeerAddress("ipv4:10.0.0.1:50051"), Is("10.0.0.1", Optional(50051), "tcp", "ipv4"));
}

TEST(PeerAddressTest, HasNoBracketsAroundIpv6HoweverTheyAreWritten) {
  EXPECT_THAT(PeerAddress("ipv6:%5B2001:db8::1%5D:50051"), Is("2001:db8::1", Optional(50051), "tcp", "ipv6"));
  EXPECT_THAT(PeerAddress("ipv6:[::1]:443"), Is("::1", Optional(443), "tcp", "ipv6"));
  EXPECT_THAT(PeerAddress("ipv6:%5Bfe80::1%25eth0%5D:1"), Is("fe80::1%eth0", Optional(1), "tcp", "ipv6"));
}

TEST(PeerAddressTest, IsAPathOrANameForSocketsOfTheMachine) {
  EXPECT_THAT(PeerAddress("unix:/run/users%20v1.sock"), Is("/run/users v1.sock", Eq(std::nullopt), "unix", ""));
  EXPECT_THAT(PeerAddress("unix-abstract:users:1"), Is("@users:1", Eq(std::nullopt), "unix", ""));
}

TEST(PeerAddressTest, IsNothingWhereTheConventionsHaveNoWord) {
  for (const char* peer : {"", "inproc", "vsock:2:1234", "nonsense"}) {
    EXPECT_THAT(PeerAddress(peer), Is("", Eq(std::nullopt), "", "")) << peer;
  }
}

TEST(PeerAddressTest, KeepsWhatItCannotTakeApart) {
  EXPECT_THAT(PeerAddress("ipv4:10.0.0.1"), Is("10.0.0.1", Eq(std::nullopt), "tcp", "ipv4"));
  EXPECT_THAT(PeerAddress("ipv4:10.0.0.1:port%"), Is("10.0.0.1:port%", Eq(std::nullopt), "tcp", "ipv4"));
  EXPECT_THAT(PeerAddress("ipv6:%5B::1"), Is("[::1", Eq(std::nullopt), "tcp", "ipv6"));
}

TEST(ServerAddressTest, IsTheNameThatIsLookedUpAndItsPort) {
  for (const char* target : {"users:50051", "dns:users:50051", "dns:///users:50051", "dns://10.0.0.53:53/users:50051"}) {
    EXPECT_THAT(ServerAddress(CanonicalTarget(target)), IsServer("users", Optional(50051))) << target;
  }
}

TEST(ServerAddressTest, IsAnAddressWhereTheTargetIsOne) {
  EXPECT_THAT(ServerAddress(CanonicalTarget("10.0.0.1:50051")), IsServer("10.0.0.1", Optional(50051)));
  EXPECT_THAT(ServerAddress(CanonicalTarget("[::1]:50051")), IsServer("::1", Optional(50051)));
  EXPECT_THAT(ServerAddress(CanonicalTarget("ipv4:10.0.0.1:50051")), IsServer("10.0.0.1", Optional(50051)));
  EXPECT_THAT(ServerAddress(CanonicalTarget("ipv6:%5B::1%5D:50051")), IsServer("::1", Optional(50051)));
}

TEST(ServerAddressTest, IsTheWholeListWhereTheTargetListsAddresses) {
  EXPECT_THAT(ServerAddress("ipv4:10.0.0.1:50051,10.0.0.2:50052"), IsServer("10.0.0.1:50051,10.0.0.2:50052", Eq(std::nullopt)));
}

TEST(ServerAddressTest, IsAPathOrANameForSocketsOfTheMachine) {
  EXPECT_THAT(ServerAddress("unix:/run/users.sock"), IsServer("/run/users.sock", Eq(std::nullopt)));
  EXPECT_THAT(ServerAddress("unix:///run/users.sock"), IsServer("/run/users.sock", Eq(std::nullopt)));
  EXPECT_THAT(ServerAddress("unix-abstract:users"), IsServer("@users", Eq(std::nullopt)));
}

TEST(ServerAddressTest, NeedsNoPort) {
  EXPECT_THAT(ServerAddress("xds:///users.example.com"), IsServer("users.example.com", Eq(std::nullopt)));
  EXPECT_THAT(ServerAddress("xds://authority/users.example.com"), IsServer("users.example.com", Eq(std::nullopt)));
}

TEST(ServerAddressTest, IsNoneForAClientWithAChannelFactory) {
  EXPECT_THAT(ServerAddress(CanonicalTarget("")).address, IsEmpty());
}

}  // namespace
}  // namespace userclient::internal
