// The same against a name server that other people wrote.

#include "tests/support/dnsmasq.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "discovery/dns_lookup.h"
#include "discovery/dns_watcher.h"
#include "tests/discovery/listener.h"
#include "tests/discovery/resources.h"

namespace userclient::internal {
namespace {

using namespace std::chrono_literals;
using absl::StatusCode;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using userclient::testing::Dnsmasq;
using userclient::testing::Eventually;
using userclient::testing::Listener;
using Clock = std::chrono::steady_clock;
using Finding = FamilyAnswer::Finding;

class DnsmasqTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!Dnsmasq::Installed()) GTEST_SKIP() << "dnsmasq is not installed";
  }

  void Serve(const std::string& records) { server_ = std::make_unique<Dnsmasq>(records); }

  DnsName Name(const std::string& host = "users.cluster.test") const {
    return DnsNameOf("dns://" + server_->authority() + "/" + host + ":50051").value();
  }

  std::unique_ptr<Dnsmasq> server_;
  Listener listener_;
};

TEST_F(DnsmasqTest, FindsBothFamilies) {
  Serve("10.0.0.2 users.cluster.test\n10.0.0.1 users.cluster.test\nfd00::1 users.cluster.test\n");

  const DnsAnswer answer = LookUp(Name());

  EXPECT_THAT(answer.ipv4.addresses, ElementsAre("10.0.0.1", "10.0.0.2")) << answer.status();
  EXPECT_THAT(answer.ipv6.addresses, ElementsAre("fd00::1"));
}

TEST_F(DnsmasqTest, FindsIpv4Alone) {
  Serve("10.0.0.1 users.cluster.test\n");

  const DnsAnswer answer = LookUp(Name());

  EXPECT_THAT(answer.ipv4.addresses, ElementsAre("10.0.0.1")) << answer.status();
  EXPECT_EQ(answer.ipv6.finding, Finding::kNoAddress);
}

TEST_F(DnsmasqTest, FindsIpv6Alone) {
  Serve("fd00::1 users.cluster.test\n");

  const DnsAnswer answer = LookUp(Name());

  EXPECT_EQ(answer.ipv4.finding, Finding::kNoAddress);
  EXPECT_THAT(answer.ipv6.addresses, ElementsAre("fd00::1")) << answer.status();
}

TEST_F(DnsmasqTest, AsksOverTcpForTwoHundredPods) {
  std::string records;
  for (int pod = 1; pod <= 200; ++pod) records += "10.0.0." + std::to_string(pod) + " users.cluster.test\n";
  Serve(records);

  EXPECT_THAT(LookUp(Name()).ipv4.addresses, SizeIs(200));
}

TEST_F(DnsmasqTest, AFamilyThatIsRefusedIsNoFailure) {
  // Outside of its zone it knows what is in the file, and refuses the rest.
  Serve("10.0.0.1 users.example.test\n");

  const DnsAnswer answer = LookUp(Name("users.example.test"));

  EXPECT_TRUE(answer.status().ok()) << answer.status();
  EXPECT_THAT(answer.ipv4.addresses, ElementsAre("10.0.0.1"));
  EXPECT_THAT(answer.ipv6.status.message(), HasSubstr("refuses"));
}

TEST_F(DnsmasqTest, SaysThatThereIsNoSuchName) {
  Serve("");

  EXPECT_THAT(LookUp(Name()).status().message(), HasSubstr("NXDOMAIN"));
}

TEST_F(DnsmasqTest, SaysThatTheNameServerRefuses) {
  Serve("");

  const absl::Status status = LookUp(Name("users.example.test")).status();

  EXPECT_EQ(status.code(), StatusCode::kPermissionDenied) << status;
}

TEST_F(DnsmasqTest, FollowsTheRecords) {
  Serve("10.0.0.1 users.cluster.test\n");
  const auto watcher = DnsWatcher::Start(Name(), listener_.Options()).value();
  // The first answer, and that it was confirmed.
  listener_.Await(2);

  const Clock::time_point start = Clock::now();
  server_->Set("10.0.0.1 users.cluster.test\n10.0.0.2 users.cluster.test\nfd00::2 users.cluster.test\n");
  const auto news = listener_.Await(4);
  RecordProperty("milliseconds", static_cast<int>((Clock::now() - start) / 1ms));

  EXPECT_EQ(news[2].news, EndpointNews::kChanged);
  EXPECT_THAT(news[3].endpoints.ipv4, ElementsAre("10.0.0.1", "10.0.0.2"));
  EXPECT_THAT(news[3].endpoints.ipv6, ElementsAre("fd00::2"));
}

TEST_F(DnsmasqTest, KeepsTheEndpointsWhileTheRecordsAreGone) {
  Serve("10.0.0.1 users.cluster.test\n");
  const auto watcher = DnsWatcher::Start(Name(), listener_.Options()).value();
  listener_.Await(1);

  server_->Set("");
  EXPECT_THAT(listener_.AwaitNextFailure().back().message(), HasSubstr("NXDOMAIN"));
  EXPECT_THAT(watcher->snapshot().endpoints.ipv4, ElementsAre("10.0.0.1"));
  server_->Set("10.0.0.1 users.cluster.test\n");
  ASSERT_TRUE(Eventually([&] { return watcher->snapshot().failure.ok(); }));

  EXPECT_EQ(watcher->snapshot().changes, 0);
}

TEST_F(DnsmasqTest, ANameServerThatDiesAndReturnsIsFoundAgain) {
  Serve("10.0.0.1 users.cluster.test\n");
  const auto watcher = DnsWatcher::Start(Name(), listener_.Options()).value();
  listener_.Await(1);

  server_->Die();
  EXPECT_THAT(listener_.AwaitNextFailure().back().message(), HasSubstr("cannot be reached"));
  server_->Return();
  server_->Set("10.0.0.2 users.cluster.test\n");

  // The first address may have been confirmed meanwhile.
  EXPECT_TRUE(Eventually([&] { return listener_.Await(2).back().endpoints.ipv4 == std::vector<std::string>{"10.0.0.2"}; }));
}

}  // namespace
}  // namespace userclient::internal
