#include "discovery/dns_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace userclient::internal {
namespace {

using ::testing::Eq;
using ::testing::Optional;
using ::testing::TestWithParam;
using ::testing::Values;

struct Case {
  std::string target;
  DnsName name;
};

class DnsTargetTest : public TestWithParam<Case> {};

TEST_P(DnsTargetTest, NamesAHost) { EXPECT_THAT(DnsNameOf(GetParam().target), Optional(GetParam().name)); }

INSTANTIATE_TEST_SUITE_P(
    All, DnsTargetTest,
    Values(Case{"dns:///users.example.com:50051", {.host = "users.example.com", .port = 50051}},
           Case{"dns:users.example.com:443", {.host = "users.example.com", .port = 443}},
           Case{"users.example.com:1", {.host = "users.example.com", .port = 1}},
           Case{"localhost:50051", {.host = "localhost", .port = 50051}},
           Case{"dns:///users.example.com.:65535", {.host = "users.example.com.", .port = 65535}},
           Case{"dns://10.0.0.53/users:50051", {.host = "users", .port = 50051, .server = NameServer{.address = "10.0.0.53"}}},
           Case{"dns://10.0.0.53:5353/users:50051",
                {.host = "users", .port = 50051, .server = NameServer{.address = "10.0.0.53", .port = 5353}}},
           Case{"dns://[fd00::53]/users:50051", {.host = "users", .port = 50051, .server = NameServer{.address = "fd00::53"}}},
           Case{"dns://[fd00::53]:5353/users:50051",
                {.host = "users", .port = 50051, .server = NameServer{.address = "fd00::53", .port = 5353}}}));

class OtherTargetTest : public TestWithParam<const char*> {};

TEST_P(OtherTargetTest, LeavesNothingToLookUp) { EXPECT_THAT(DnsNameOf(GetParam()), Eq(std::nullopt)); }

INSTANTIATE_TEST_SUITE_P(Schemes, OtherTargetTest,
                         Values("ipv4:10.0.0.7:50051", "ipv4:10.0.0.7:50051,10.0.0.8:50051", "ipv6:[::1]:50051",
                                "unix:/run/users.sock", "unix:///run/users.sock", "unix-abstract:users", "vsock:2:50051",
                                "xds:///users", "google-c2p:///users", "inproc:50051"));
INSTANTIATE_TEST_SUITE_P(Addresses, OtherTargetTest,
                         Values("10.0.0.7:50051", "[::1]:50051", "dns:///10.0.0.7:50051", "dns:///[fe80::1%eth0]:50051",
                                "dns:[::1]:50051", "dns://10.0.0.53/10.0.0.7:50051"));
INSTANTIATE_TEST_SUITE_P(NameServersThatAreNoAddress, OtherTargetTest,
                         Values("dns://ns.example.com/users:50051", "dns://ns:53/users:50051", "dns://[fd00::53/users:50051",
                                "dns://10.0.0.53:0/users:50051", "dns://10.0.0.53:/users:50051", "dns://fd00::53/users:50051",
                                "dns://[10.0.0.53]:53/users:50051"));
INSTANTIATE_TEST_SUITE_P(NoTargets, OtherTargetTest,
                         Values("", ":", "users", "users:", ":50051", "users:port", "users:0", "users:65536", "users:50051x",
                                "dns:", "dns://", "dns:///", "dns://users:50051", "dns:///a/b:50051", "a:b:50051"));

TEST(HostPortTest, PutsBracketsAroundIpv6) {
  EXPECT_EQ(HostPort("10.0.0.7", 50051), "10.0.0.7:50051");
  EXPECT_EQ(HostPort("::1", 50051), "[::1]:50051");
}

}  // namespace
}  // namespace userclient::internal
