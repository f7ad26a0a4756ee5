#include "discovery/dns_lookup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "discovery/broken_pipes.h"
#include "tests/discovery/resources.h"
#include "tests/support/scripted_name_server.h"

namespace userclient::internal {
namespace {

using namespace std::chrono_literals;
using absl::StatusCode;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using userclient::testing::DnsFamily;
using userclient::testing::DnsReply;
using userclient::testing::Eventually;
using userclient::testing::NoAddress;
using userclient::testing::OpenDescriptors;
using userclient::testing::Refused;
using userclient::testing::ScriptedNameServer;
using userclient::testing::ServFail;
using userclient::testing::Silence;
using Clock = std::chrono::steady_clock;
using Finding = FamilyAnswer::Finding;
using Way = DnsReply::Way;

constexpr char kHost[] = "users.test";

DnsName At(const ScriptedNameServer& server, const std::string& host = kHost) {
  return DnsNameOf("dns://" + server.authority() + "/" + host + ":50051").value();
}

TEST(DnsLookupTest, FindsBothFamilies) {
  ScriptedNameServer server;
  server.Set(kHost, {.addresses = {"10.0.0.1"}}, {.addresses = {"fd00::1"}});

  const DnsAnswer answer = LookUp(At(server));

  EXPECT_TRUE(answer.status().ok()) << answer.status();
  EXPECT_THAT(answer.ipv4.addresses, ElementsAre("10.0.0.1"));
  EXPECT_THAT(answer.ipv6.addresses, ElementsAre("fd00::1"));
}

class BrokenPipesTest : public ::testing::Test {
 protected:
  BrokenPipesTest() { sigaction(SIGPIPE, nullptr, &before_); }
  ~BrokenPipesTest() override { sigaction(SIGPIPE, &before_, nullptr); }

  static auto Present() {
    struct sigaction present = {};
    sigaction(SIGPIPE, nullptr, &present);
    return present.sa_handler;
  }

 private:
  struct sigaction before_ = {};
};

TEST_F(BrokenPipesTest, ANameServerThatResetsItsConnectionsEndsNobody) {
  std::signal(SIGPIPE, SIG_DFL);
  ScriptedNameServer server;
  server.Set(kHost, {.way = Way::kTruncated}, {.way = Way::kTruncated});
  server.ResetConnections();

  EXPECT_FALSE(LookUp(At(server)).status().ok());

  EXPECT_EQ(Present(), SIG_IGN);
}

TEST_F(BrokenPipesTest, WhatTheApplicationDoesAboutThemStays) {
  const auto own = [](int) {};
  std::signal(SIGPIPE, own);

  IgnoreBrokenPipes();

  EXPECT_EQ(Present(), static_cast<sighandler_t>(own));
}

TEST(DnsLookupTest, FindsIpv4Alone) {
  ScriptedNameServer server;
  server.Set(kHost, {.addresses = {"10.0.0.1"}}, NoAddress());

  const DnsAnswer answer = LookUp(At(server));

  EXPECT_TRUE(answer.status().ok()) << answer.status();
  EXPECT_THAT(answer.ipv4.addresses, ElementsAre("10.0.0.1"));
  EXPECT_EQ(answer.ipv6.finding, Finding::kNoAddress);
}

TEST(DnsLookupTest, FindsIpv6Alone) {
  ScriptedNameServer server;
  server.Set(kHost, NoAddress(), {.addresses = {"fd00::1"}});

  const DnsAnswer answer = LookUp(At(server));

  EXPECT_TRUE(answer.status().ok()) << answer.status();
  EXPECT_EQ(answer.ipv4.finding, Finding::kNoAddress);
  EXPECT_THAT(answer.ipv6.addresses, ElementsAre("fd00::1"));
}

TEST(DnsLookupTest, TheAnswerIsASet) {
  ScriptedNameServer server;
  server.Set(kHost, {.addresses = {"10.0.0.10", "10.0.0.9", "10.0.0.10"}},
             {.addresses = {"fd00::10", "fd00:0:0::9", "fd00::10"}});

  const DnsAnswer answer = LookUp(At(server));

  EXPECT_THAT(answer.ipv4.addresses, ElementsAre("10.0.0.9", "10.0.0.10"));
  EXPECT_THAT(answer.ipv6.addresses, ElementsAre("fd00::9", "fd00::10"));
}

TEST(DnsLookupTest, AsksANameServerAtAnIpv6Address) {
  ScriptedNameServer server("::1");
  server.Set(kHost, {.addresses = {"10.0.0.1"}}, NoAddress());

  const DnsAnswer answer = LookUp(At(server));

  EXPECT_THAT(answer.ipv4.addresses, ElementsAre("10.0.0.1")) << answer.status();
}

TEST(DnsLookupTest, LocalhostIsLoopback) {
  const DnsAnswer answer = LookUp(DnsNameOf("localhost:50051").value());

  EXPECT_TRUE(answer.status().ok()) << answer.status();
  EXPECT_THAT(answer.ipv4.addresses, ElementsAre("127.0.0.1"));
  EXPECT_THAT(answer.ipv6.addresses, ElementsAre("::1"));
}

TEST(DnsLookupTest, TriesTheSearchDomains) {
  ScriptedNameServer server;
  server.Set("users.svc.test", {.addresses = {"10.0.0.1"}}, NoAddress());
  setenv("LOCALDOMAIN", "svc.test", 1);

  const DnsAnswer answer = LookUp(At(server, "users"));
  unsetenv("LOCALDOMAIN");

  EXPECT_THAT(answer.ipv4.addresses, ElementsAre("10.0.0.1")) << answer.status();
}

// ---- Answers that do not fit

TEST(DnsLookupTest, AsksOverTcpWhatIsTruncatedOverUdp) {
  ScriptedNameServer server;
  server.Set(kHost, {.addresses = {"10.0.0.1"}, .way = Way::kTruncated}, NoAddress());

  const DnsAnswer answer = LookUp(At(server));

  EXPECT_THAT(answer.ipv4.addresses, ElementsAre("10.0.0.1")) << answer.status();
  EXPECT_GE(server.tcp_queries(), 1);
}

TEST(DnsLookupTest, FindsThreeHundredPods) {
  ScriptedNameServer server;
  std::vector<std::string> ipv4;
  std::vector<std::string> ipv6;
  for (int pod = 0; pod < 300; ++pod) {
    ipv4.push_back("10.0." + std::to_string(pod / 250) + "." + std::to_string(pod % 250));
    ipv6.push_back("fd00::1:" + std::to_string(pod));
  }
  server.Set(kHost, {.addresses = ipv4}, {.addresses = ipv6});

  const DnsAnswer answer = LookUp(At(server));

  EXPECT_THAT(answer.ipv4.addresses, SizeIs(300)) << answer.ipv4.status;
  EXPECT_THAT(answer.ipv6.addresses, SizeIs(300)) << answer.ipv6.status;
}

// ---- One family fails

struct Failure {
  const char* name;
  DnsReply reply;
};

class OneFamilyFailsTest : public ::testing::TestWithParam<Failure> {};

TEST_P(OneFamilyFailsTest, Ipv4AloneIsASuccess) {
  ScriptedNameServer server;
  server.Set(kHost, {.addresses = {"10.0.0.1"}}, GetParam().reply);

  const DnsAnswer answer = LookUp(At(server), {.other_family_wait = 200ms});

  EXPECT_TRUE(answer.status().ok()) << answer.status();
  EXPECT_THAT(answer.ipv4.addresses, ElementsAre("10.0.0.1"));
  EXPECT_EQ(answer.ipv6.finding, Finding::kFailed);
  EXPECT_FALSE(answer.ipv6.status.ok());
}

TEST_P(OneFamilyFailsTest, Ipv6AloneIsASuccess) {
  ScriptedNameServer server;
  server.Set(kHost, GetParam().reply, {.addresses = {"fd00::1"}});

  const DnsAnswer answer = LookUp(At(server), {.other_family_wait = 200ms});

  EXPECT_TRUE(answer.status().ok()) << answer.status();
  EXPECT_EQ(answer.ipv4.finding, Finding::kFailed);
  EXPECT_THAT(answer.ipv6.addresses, ElementsAre("fd00::1"));
}

INSTANTIATE_TEST_SUITE_P(All, OneFamilyFailsTest,
                         ::testing::Values(Failure{"Refused", Refused()}, Failure{"ServFail", ServFail()},
                                           Failure{"Silence", Silence()}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(DnsLookupTest, AFamilyThatIsSilentIsNotAwaitedToTheEnd) {
  ScriptedNameServer server;
  server.Set(kHost, {.addresses = {"10.0.0.1"}}, Silence());
  const Clock::time_point start = Clock::now();

  LookUp(At(server), {.timeout = 60s, .other_family_wait = 200ms});

  EXPECT_GE(Clock::now() - start, 200ms);
  EXPECT_LT(Clock::now() - start, 30s);
}

TEST(DnsLookupTest, AFamilyThatIsLateIsAwaited) {
  ScriptedNameServer server;
  server.Set(kHost, {.addresses = {"10.0.0.1"}}, {.addresses = {"fd00::1"}, .delay = 300ms});

  const DnsAnswer answer = LookUp(At(server), {.timeout = 60s, .other_family_wait = 30s});

  EXPECT_THAT(answer.ipv4.addresses, ElementsAre("10.0.0.1"));
  EXPECT_THAT(answer.ipv6.addresses, ElementsAre("fd00::1"));
}

// ---- No answer

TEST(DnsLookupTest, SaysThatThereIsNoSuchName) {
  ScriptedNameServer server;

  const DnsAnswer answer = LookUp(At(server));

  EXPECT_EQ(answer.status().code(), StatusCode::kNotFound);
  EXPECT_THAT(answer.status().message(), AllOf(HasSubstr("users.test does not exist"), HasSubstr(server.authority()),
                                               HasSubstr("NXDOMAIN"), HasSubstr("spelling")));
  EXPECT_EQ(answer.ipv4.finding, Finding::kNoName);
}

TEST(DnsLookupTest, SaysThatTheNameHasNoAddress) {
  ScriptedNameServer server;
  server.Set(kHost, NoAddress(), NoAddress());

  const DnsAnswer answer = LookUp(At(server));

  EXPECT_EQ(answer.status().code(), StatusCode::kNotFound);
  EXPECT_THAT(answer.status().message(),
              AllOf(HasSubstr("users.test exists, but has no address"), HasSubstr(server.authority())));
  EXPECT_EQ(answer.ipv4.finding, Finding::kNoAddress);
}

TEST(DnsLookupTest, SaysThatTheNameServerFails) {
  ScriptedNameServer server;
  server.Set(kHost, ServFail(), ServFail());

  const DnsAnswer answer = LookUp(At(server));

  EXPECT_EQ(answer.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(answer.status().message(), AllOf(HasSubstr("SERVFAIL"), HasSubstr(server.authority()), HasSubstr(kHost)));
}

TEST(DnsLookupTest, SaysThatTheNameServerRefuses) {
  ScriptedNameServer server;
  server.Set(kHost, Refused(), Refused());

  const DnsAnswer answer = LookUp(At(server));

  EXPECT_EQ(answer.status().code(), StatusCode::kPermissionDenied);
  EXPECT_THAT(answer.status().message(), AllOf(HasSubstr("REFUSED"), HasSubstr(server.authority()), HasSubstr(kHost)));
}

TEST(DnsLookupTest, AFailureIsToldBeforeAnEmptyAnswer) {
  ScriptedNameServer server;
  server.Set(kHost, ServFail(), NoAddress());

  EXPECT_THAT(LookUp(At(server)).status().message(), HasSubstr("SERVFAIL"));
}

TEST(DnsLookupTest, SaysThatTheNameServerIsSilent) {
  ScriptedNameServer server;
  server.Set(kHost, Silence(), Silence());

  const DnsAnswer answer = LookUp(At(server), {.timeout = 300ms});

  EXPECT_EQ(answer.status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_THAT(answer.status().message(),
              AllOf(HasSubstr("did not answer"), HasSubstr("within 0.3s"), HasSubstr(server.authority()), HasSubstr(kHost)));
}

TEST(DnsLookupTest, SaysThatNobodyListensAtTheAddressOfTheNameServer) {
  ScriptedNameServer server;
  server.Die();

  const DnsAnswer answer = LookUp(At(server));

  EXPECT_EQ(answer.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(answer.status().message(), AllOf(HasSubstr("cannot be reached"), HasSubstr(server.authority())));
}

TEST(DnsLookupTest, SaysThatANameCannotBe) {
  const DnsAnswer answer = LookUp(DnsNameOf("dns:///" + std::string(64, 'x') + ".test:50051").value());

  EXPECT_EQ(answer.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(answer.status().message(), HasSubstr("xxx.test\" is no host name"));
}

TEST(DnsLookupTest, DoesNotTakeGarbageForAnAnswer) {
  ScriptedNameServer server;
  server.Set(kHost, {.way = Way::kGarbage}, {.way = Way::kGarbage});

  EXPECT_EQ(LookUp(At(server), {.timeout = 300ms}).ipv4.finding, Finding::kFailed);
}

TEST(DnsLookupTest, DoesNotTakeTheAnswerToAnotherQuestion) {
  ScriptedNameServer server;
  server.Set(kHost, {.addresses = {"10.6.6.6"}, .way = Way::kWrongId}, {.addresses = {"fd00::666"}, .way = Way::kWrongId});

  const DnsAnswer answer = LookUp(At(server), {.timeout = 300ms});

  EXPECT_EQ(answer.status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_THAT(answer.ipv4.addresses, IsEmpty());
}

TEST(DnsLookupTest, AsksAgainWhenNothingComesBack) {
  ScriptedNameServer server;
  server.Set(kHost, Silence(), NoAddress());
  std::thread recover([&] {
    EXPECT_TRUE(Eventually([&] { return server.queries(kHost, DnsFamily::kIpv4) >= 1; }));
    server.Set(kHost, DnsFamily::kIpv4, {.addresses = {"10.0.0.1"}});
  });

  const DnsAnswer answer = LookUp(At(server), {.timeout = 30s});
  recover.join();

  EXPECT_THAT(answer.ipv4.addresses, ElementsAre("10.0.0.1")) << answer.status();
}

// ---- Cancellation and resources

TEST(DnsLookupTest, AStopRequestEndsItAtOnce) {
  ScriptedNameServer server;
  server.Set(kHost, Silence(), Silence());
  std::stop_source stop;
  std::thread cancel([&] {
    EXPECT_TRUE(Eventually([&] { return server.queries(kHost, DnsFamily::kIpv4) >= 1; }));
    stop.request_stop();
  });

  const Clock::time_point start = Clock::now();
  const DnsAnswer answer = LookUp(At(server), {.timeout = 600s}, stop.get_token());
  cancel.join();

  EXPECT_EQ(answer.status().code(), StatusCode::kCancelled);
  EXPECT_LT(Clock::now() - start, 30s);
}

TEST(DnsLookupTest, DoesNotBeginAfterAStopRequest) {
  ScriptedNameServer server;
  server.Set(kHost, Silence(), Silence());
  std::stop_source stop;
  stop.request_stop();

  EXPECT_EQ(LookUp(At(server), {.timeout = 600s}, stop.get_token()).status().code(), StatusCode::kCancelled);
}

TEST(DnsLookupTest, LeavesNoDescriptorBehind) {
  ScriptedNameServer server;
  server.Set(kHost, {.addresses = {"10.0.0.1"}, .way = Way::kTruncated}, Refused());
  LookUp(At(server));
  // The server takes one question after the other: with this one answered, it has closed the connection of the first.
  LookUp(At(server, "no.such.test"));
  const int before = OpenDescriptors();

  for (int i = 0; i < 200; ++i) LookUp(At(server));
  LookUp(At(server, "silent.test"), {.timeout = 1ms});

  EXPECT_TRUE(Eventually([&] { return OpenDescriptors() == before; })) << OpenDescriptors() << " and not " << before;
}

}  // namespace
}  // namespace userclient::internal
