// Targets that name no name server: what /etc/resolv.conf and /etc/hosts say counts. A thread of its own gets both files, and a
// network that holds nothing but loopback.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

#include "discovery/dns_lookup.h"
#include "discovery/dns_watcher.h"
#include "tests/discovery/listener.h"
#include "tests/server/temporary_directory.h"
#include "tests/support/scripted_name_server.h"

namespace userclient::internal {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using userclient::testing::Listener;
using userclient::testing::NoAddress;
using userclient::testing::Refused;
using userclient::testing::ScriptedNameServer;
using userclient::testing::ServFail;
using userclient::testing::TemporaryDirectory;

constexpr int kDnsPort = 53;

bool BringLoopbackUp() {
  const int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request = {};
  std::string("lo").copy(request.ifr_name, IFNAMSIZ);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  const bool up = ioctl(descriptor, SIOCSIFFLAGS, &request) == 0;
  close(descriptor);
  return up;
}

class SystemResolverTest : public ::testing::Test {
 protected:
  /// Runs `body` where these are the system's files. Skips the test where the system does not allow that.
  void Run(std::string_view resolv_conf, std::string_view hosts, const std::function<void()>& body) {
    const std::string resolv_conf_file = directory_.Write("resolv.conf", resolv_conf);
    const std::string hosts_file = directory_.Write("hosts", hosts);
    bool possible = false;
    std::thread([&] {
      // The namespaces are the thread's, and those of the threads that it starts.
      possible = unshare(CLONE_NEWNS | CLONE_NEWNET) == 0 && mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                 mount(resolv_conf_file.c_str(), "/etc/resolv.conf", nullptr, MS_BIND, nullptr) == 0 &&
                 mount(hosts_file.c_str(), "/etc/hosts", nullptr, MS_BIND, nullptr) == 0 && BringLoopbackUp();
      if (possible) body();
    }).join();
    if (!possible) GTEST_SKIP() << "no right to a namespace of our own: run as root";
  }

  TemporaryDirectory directory_;
};

TEST_F(SystemResolverTest, AsksTheNameServerOfTheSystem) {
  Run("nameserver 127.0.0.1\n", "", [] {
    ScriptedNameServer server("127.0.0.1", kDnsPort);
    server.Set("users.test", {.addresses = {"10.0.0.1"}}, {.addresses = {"fd00::1"}});

    const DnsAnswer answer = LookUp(DnsNameOf("dns:///users.test:50051").value());

    EXPECT_THAT(answer.ipv4.addresses, ElementsAre("10.0.0.1")) << answer.status();
    EXPECT_THAT(answer.ipv6.addresses, ElementsAre("fd00::1"));
  });
}

TEST_F(SystemResolverTest, TriesTheSearchDomainsOfTheSystem) {
  Run("nameserver 127.0.0.1\nsearch prod.svc.test svc.test\noptions ndots:5\n", "", [] {
    ScriptedNameServer server("127.0.0.1", kDnsPort);
    server.Set("users.prod.svc.test", {.addresses = {"10.0.0.1"}}, NoAddress());

    EXPECT_THAT(LookUp(DnsNameOf("users.prod:50051").value()).ipv4.addresses, ElementsAre("10.0.0.1"));
    EXPECT_THAT(LookUp(DnsNameOf("users:50051").value()).ipv4.addresses, ElementsAre("10.0.0.1"));
  });
}

TEST_F(SystemResolverTest, GoesOnToTheNextNameServer) {
  Run("nameserver 127.0.0.1\nnameserver 127.0.0.2\n", "", [] {
    ScriptedNameServer sick("127.0.0.1", kDnsPort);
    ScriptedNameServer healthy("127.0.0.2", kDnsPort);
    sick.Set("users.test", ServFail(), Refused());
    healthy.Set("users.test", {.addresses = {"10.0.0.1"}}, {.addresses = {"fd00::1"}});

    const DnsAnswer answer = LookUp(DnsNameOf("users.test:50051").value());

    EXPECT_THAT(answer.ipv4.addresses, ElementsAre("10.0.0.1")) << answer.ipv4.status;
    EXPECT_THAT(answer.ipv6.addresses, ElementsAre("fd00::1")) << answer.ipv6.status;
  });
}

TEST_F(SystemResolverTest, NamesResolvConfInErrors) {
  Run("nameserver 127.0.0.1\n", "", [] {
    ScriptedNameServer server("127.0.0.1", kDnsPort);

    EXPECT_THAT(LookUp(DnsNameOf("dns:///users.test:50051").value()).status().message(),
                AllOf(HasSubstr("users.test does not exist"), HasSubstr("/etc/resolv.conf")));
  });
}

TEST_F(SystemResolverTest, ReadsTheHostsFileFirst) {
  Run("nameserver 127.0.0.1\n", "10.0.0.7 users\n10.0.0.8 users\nfd00::7 users\n", [] {
    const DnsAnswer answer = LookUp(DnsNameOf("users:50051").value());

    EXPECT_THAT(answer.ipv4.addresses, ElementsAre("10.0.0.7", "10.0.0.8")) << answer.ipv4.status;
    EXPECT_THAT(answer.ipv6.addresses, ElementsAre("fd00::7")) << answer.ipv6.status;
  });
}

TEST_F(SystemResolverTest, FollowsTheHostsFile) {
  Run("nameserver 127.0.0.1\n", "10.0.0.7 users\n", [this] {
    // For the family that the file does not have.
    ScriptedNameServer server("127.0.0.1", kDnsPort);
    Listener listener;
    const auto watcher = DnsWatcher::Start(DnsNameOf("users:50051").value(), listener.Options()).value();
    // The first answer, and that it was confirmed.
    listener.Await(2);

    directory_.Write("hosts", "10.0.0.8 users\n");

    EXPECT_THAT(listener.Await(3).at(2).endpoints.ipv4, ElementsAre("10.0.0.8"));
  });
}

TEST_F(SystemResolverTest, FollowsAnotherNameServer) {
  Run("nameserver 127.0.0.1\n", "", [this] {
    ScriptedNameServer old_one("127.0.0.1", kDnsPort);
    ScriptedNameServer new_one("127.0.0.2", kDnsPort);
    old_one.Set("users.test", {.addresses = {"10.0.0.1"}}, NoAddress());
    new_one.Set("users.test", {.addresses = {"10.0.0.2"}}, NoAddress());
    Listener listener;
    const auto watcher = DnsWatcher::Start(DnsNameOf("users.test:50051").value(), listener.Options()).value();
    // The first answer, and that it was confirmed.
    listener.Await(2);

    directory_.Write("resolv.conf", "nameserver 127.0.0.2\n");

    EXPECT_THAT(listener.Await(3).at(2).endpoints.ipv4, ElementsAre("10.0.0.2"));
  });
}

}  // namespace
}  // namespace userclient::internal
