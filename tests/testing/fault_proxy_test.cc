// What a FaultProxy does to connections, seen from both ends.

#include "userclient/testing/fault_proxy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/status_matchers.h"
#include "tests/testing/tcp_peer.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using std::chrono::steady_clock;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

std::unique_ptr<FaultProxy> StartProxy(FaultProxyOptions options) {
  absl::StatusOr<std::unique_ptr<FaultProxy>> proxy = FaultProxy::Start(std::move(options));
  if (!proxy.ok()) {
    ADD_FAILURE() << proxy.status();
    std::abort();
  }
  return *std::move(proxy);
}

/// Bytes of which no two pieces are alike.
std::string Bytes(size_t size, uint32_t seed = 1) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) {
    seed = seed * 1'664'525 + 1'013'904'223;
    byte = static_cast<char>(seed >> 24);
  }
  return bytes;
}

class FaultProxyTest : public ::testing::Test {
 protected:
  /// A connection over the proxy: both ends.
  std::pair<TcpPeer, TcpPeer> Connect() {
    TcpPeer client = TcpPeer::ConnectTo(proxy_->address());
    TcpPeer server = listener_.Accept();
    return {std::move(client), std::move(server)};
  }

  /// Returns when the proxy has seen all that has happened so far: its loop has begun anew since.
  void LetItLook() {
    proxy_->Set(faults_);
    proxy_->Set(faults_);
  }

  void Set(const ProxyFaults& faults) {
    faults_ = faults;
    proxy_->Set(faults);
  }

  bool AwaitGone(int64_t open = 0) {
    return proxy_->Await([open](const ProxyCounts& counts) { return counts.open == open; });
  }

  TcpListener listener_;
  std::unique_ptr<FaultProxy> proxy_ = StartProxy({.upstream = listener_.address()});
  ProxyFaults faults_;
};

TEST_F(FaultProxyTest, PassesBytesBothWays) {
  auto [client, server] = Connect();

  client.Send("question");
  EXPECT_EQ(server.Receive(8), "question");
  server.Send("answer");
  EXPECT_EQ(client.Receive(6), "answer");

  EXPECT_TRUE(proxy_->Await(
      [](const ProxyCounts& counts) { return counts == ProxyCounts{.accepted = 1, .open = 1, .to_server = 8, .to_client = 6}; }));
}

TEST_F(FaultProxyTest, PassesTheEndOfOneDirectionAndGoesOnWithTheOther) {
  auto [client, server] = Connect();

  client.Send("question");
  client.FinishSending();
  EXPECT_EQ(server.ReceiveAll(), "question");
  server.Send("answer");
  server.FinishSending();

  EXPECT_EQ(client.ReceiveAll(), "answer");
  EXPECT_TRUE(AwaitGone());
}

TEST_F(FaultProxyTest, PassesAResetOfEitherSide) {
  auto [first_client, first_server] = Connect();
  auto [second_client, second_server] = Connect();

  first_client.Reset();
  second_server.Reset();

  EXPECT_EQ(first_server.AwaitEnding(), Ending::kReset);
  EXPECT_EQ(second_client.AwaitEnding(), Ending::kReset);
  EXPECT_TRUE(AwaitGone());
  EXPECT_EQ(proxy_->counts().reset, 0);
}

TEST_F(FaultProxyTest, TellsTheWriterThatTheReaderHasGone) {
  auto [client, server] = Connect();

  client.Close();
  EXPECT_EQ(server.AwaitEnding(), Ending::kFin);

  while (server.Send("is anybody there?")) std::this_thread::yield();
  EXPECT_TRUE(AwaitGone());
}

TEST_F(FaultProxyTest, BringsWhatWasSentBeforeTheReset) {
  auto [client, server] = Connect();
  Set({.to_client = {.latency = 50ms}});

  server.Send("last words");
  server.Reset();

  EXPECT_EQ(client.Receive(10), "last words");
  EXPECT_EQ(client.AwaitEnding(), Ending::kReset);
}

TEST_F(FaultProxyTest, DelaysBytesAndTheEnd) {
  auto [client, server] = Connect();
  Set({.to_server = {.latency = 200ms}});

  const auto begin = steady_clock::now();
  client.Send("question");
  EXPECT_EQ(server.Receive(8), "question");
  const auto bytes = steady_clock::now();
  client.Close();
  EXPECT_EQ(server.AwaitEnding(), Ending::kFin);

  EXPECT_GE(bytes - begin, 200ms);
  EXPECT_GE(steady_clock::now() - bytes, 200ms);
}

TEST_F(FaultProxyTest, DelaysEachDirectionByItself) {
  auto [client, server] = Connect();
  Set({.to_server = {.latency = 1h}});
  client.Send("question");

  server.Send("unasked");

  EXPECT_EQ(client.Receive(7), "unasked");
  EXPECT_FALSE(server.HasNews());
}

// What is on its way is hurried, too.
TEST_F(FaultProxyTest, HealsADelayAtOnce) {
  auto [client, server] = Connect();
  Set({.to_server = {.latency = 1h}});
  client.Send("question");
  LetItLook();

  proxy_->Heal();

  EXPECT_EQ(server.Receive(8), "question");
}

// One piece after another, each waiting for the one before it, would be 128 delays.
TEST_F(FaultProxyTest, ADelayDoesNotNarrowTheFlow) {
  auto [client, server] = Connect();
  const std::string sent = Bytes(8 << 20);
  Set(BothWays({.latency = 100ms}));

  const auto begin = steady_clock::now();
  std::thread sender([&client = client, &sent] { client.Send(sent); });
  const std::string received = server.Receive(sent.size());
  const auto took = steady_clock::now() - begin;
  sender.join();

  EXPECT_TRUE(received == sent);
  EXPECT_LT(took, 6400ms);
}

TEST_F(FaultProxyTest, JitterKeepsTheOrder) {
  auto [client, server] = Connect();
  const std::string sent = Bytes(1 << 20);
  Set(BothWays({.jitter = 20ms}));

  std::thread sender([&client = client, &sent] { client.Send(sent); });
  const std::string received = server.Receive(sent.size());
  sender.join();

  EXPECT_TRUE(received == sent);
}

TEST_F(FaultProxyTest, LimitsTheBandwidth) {
  auto [client, server] = Connect();
  Set({.to_client = {.bytes_per_second = 100'000}});
  const std::string sent = Bytes(50'000);

  const auto begin = steady_clock::now();
  server.Send(sent);
  const std::string received = client.Receive(sent.size());

  EXPECT_TRUE(received == sent);
  // 10 ms may come at once.
  EXPECT_GE(steady_clock::now() - begin, 480ms);
}

TEST_F(FaultProxyTest, TheSenderFeelsTheBandwidth) {
  auto [client, server] = Connect();
  Set({.to_server = {.latency = 1s, .bytes_per_second = 1'000}});

  EXPECT_LT(client.SendUntilStuck(300ms), size_t{8} << 20);
}

TEST_F(FaultProxyTest, TheSenderFeelsAReaderWhoDoesNotRead) {
  auto [client, server] = Connect();

  const size_t sent = client.SendUntilStuck(300ms);

  EXPECT_LT(sent, size_t{16} << 20);
  client.FinishSending();
  EXPECT_EQ(server.Receive(sent + 1).size(), sent);
}

TEST_F(FaultProxyTest, KeepsNoMoreThanItsBuffer) {
  proxy_ = StartProxy({.upstream = listener_.address(), .buffer_bytes = 64 << 10});
  const auto large = StartProxy({.upstream = listener_.address(), .buffer_bytes = 32 << 20});
  proxy_->Set({.to_server = {.latency = 1h}});
  large->Set({.to_server = {.latency = 1h}});

  // The kernel takes some, too.
  EXPECT_LT(TcpPeer::ConnectTo(proxy_->address()).SendUntilStuck(300ms), size_t{16} << 20);
  EXPECT_GE(TcpPeer::ConnectTo(large->address()).SendUntilStuck(2s), size_t{32} << 20);
}

TEST_F(FaultProxyTest, ResetsWhatIsThereAndNothingElse) {
  auto [client, server] = Connect();

  proxy_->ResetConnections();

  EXPECT_EQ(client.AwaitEnding(), Ending::kReset);
  EXPECT_EQ(server.AwaitEnding(), Ending::kReset);
  EXPECT_EQ(proxy_->counts(), (ProxyCounts{.accepted = 1, .open = 0, .reset = 1}));
  auto [next_client, next_server] = Connect();
  next_client.Send("question");
  EXPECT_EQ(next_server.Receive(8), "question");
}

TEST_F(FaultProxyTest, ResetsWhoConnectsAndLeavesOthersAlone) {
  auto [client, server] = Connect();
  Set({.new_connections = NewConnections::kReset});

  TcpPeer next = TcpPeer::ConnectTo(proxy_->address());

  EXPECT_EQ(next.AwaitEnding(), Ending::kReset);
  client.Send("question");
  EXPECT_EQ(server.Receive(8), "question");
  EXPECT_TRUE(proxy_->Await([](const ProxyCounts& counts) { return counts.reset == 1; }));
  EXPECT_FALSE(listener_.HasVisitor());
}

TEST_F(FaultProxyTest, RefusesWhoConnectsAndLeavesOthersAlone) {
  auto [client, server] = Connect();
  Set({.new_connections = NewConnections::kRefuse});

  EXPECT_EQ(TcpPeer::ConnectError(proxy_->address()), ECONNREFUSED);
  client.Send("question");
  EXPECT_EQ(server.Receive(8), "question");

  Set({});
  auto [next_client, next_server] = Connect();
  next_client.Send("question");
  EXPECT_EQ(next_server.Receive(8), "question");
}

TEST_F(FaultProxyTest, KeepsItsPortWhileItRefuses) {
  Set({.new_connections = NewConnections::kRefuse});

  const auto thief = FaultProxy::Start({.upstream = listener_.address()});

  ASSERT_TRUE(thief.ok()) << thief.status();
  EXPECT_NE((*thief)->port(), proxy_->port());
}

TEST_F(FaultProxyTest, ABlackHoleSwallowsWhatIsSentOverAConnection) {
  auto [client, server] = Connect();
  Set(BlackHole());

  client.Send("question");
  server.Send("answer");

  EXPECT_TRUE(proxy_->Await([](const ProxyCounts& counts) { return counts.swallowed == 14; }));
  EXPECT_FALSE(server.HasNews());
  EXPECT_FALSE(client.HasNews());
}

TEST_F(FaultProxyTest, ABlackHoleSwallowsWhatIsOnItsWay) {
  auto [client, server] = Connect();
  Set({.to_server = {.latency = 1h}});
  client.Send("question");
  LetItLook();

  Set(BlackHole());

  EXPECT_TRUE(proxy_->Await([](const ProxyCounts& counts) { return counts.swallowed == 8; }));
}

TEST_F(FaultProxyTest, AConnectionThatHasLostBytesIsResetAfterTheBlackHole) {
  auto [client, server] = Connect();
  Set(BlackHole());
  client.Send("question");
  ASSERT_TRUE(proxy_->Await([](const ProxyCounts& counts) { return counts.swallowed == 8; }));

  proxy_->Heal();

  EXPECT_EQ(client.AwaitEnding(), Ending::kReset);
  EXPECT_EQ(server.AwaitEnding(), Ending::kReset);
}

TEST_F(FaultProxyTest, AConnectionThatHasLostNothingGoesOnAfterTheBlackHole) {
  auto [client, server] = Connect();
  Set(BlackHole());

  proxy_->Heal();

  client.Send("question");
  EXPECT_EQ(server.Receive(8), "question");
}

TEST_F(FaultProxyTest, ABlackHoleAcceptsAndTheServerSeesNobody) {
  Set(BlackHole());

  TcpPeer client = TcpPeer::ConnectTo(proxy_->address());
  client.Send("question");

  EXPECT_TRUE(proxy_->Await([](const ProxyCounts& counts) { return counts.swallowed == 8; }));
  EXPECT_FALSE(listener_.HasVisitor());
  EXPECT_FALSE(client.HasNews());
}

TEST_F(FaultProxyTest, WhoSaidNothingIntoTheBlackHoleReachesTheServerAfterIt) {
  Set(BlackHole());
  TcpPeer client = TcpPeer::ConnectTo(proxy_->address());
  ASSERT_TRUE(proxy_->Await([](const ProxyCounts& counts) { return counts.accepted == 1; }));

  proxy_->Heal();

  TcpPeer server = listener_.Accept();
  client.Send("question");
  EXPECT_EQ(server.Receive(8), "question");
}

TEST_F(FaultProxyTest, WhoLeavesTheBlackHoleIsForgotten) {
  Set(BlackHole());
  TcpPeer closed = TcpPeer::ConnectTo(proxy_->address());
  TcpPeer reset = TcpPeer::ConnectTo(proxy_->address());
  closed.Send("question");
  ASSERT_TRUE(proxy_->Await([](const ProxyCounts& counts) { return counts.open == 2; }));

  closed.Close();
  reset.Reset();

  EXPECT_TRUE(AwaitGone());
}

TEST_F(FaultProxyTest, ABlackHoleHidesTheEnd) {
  auto [client, server] = Connect();
  auto [other_client, other_server] = Connect();
  Set(BlackHole());

  server.Close();
  other_client.Reset();
  LetItLook();

  EXPECT_FALSE(client.HasNews());
  EXPECT_FALSE(other_server.HasNews());
  proxy_->Heal();
  EXPECT_EQ(client.AwaitEnding(), Ending::kFin);
  EXPECT_EQ(other_server.AwaitEnding(), Ending::kReset);
}

TEST_F(FaultProxyTest, HoldingLosesNothing) {
  auto [client, server] = Connect();
  Set(BothWays({.flow = Flow::kHold}));
  client.Send("question");
  server.Send("answer");
  server.FinishSending();
  LetItLook();
  EXPECT_FALSE(server.HasNews());
  EXPECT_FALSE(client.HasNews());

  proxy_->Heal();

  EXPECT_EQ(server.Receive(8), "question");
  EXPECT_EQ(client.ReceiveAll(), "answer");
}

TEST_F(FaultProxyTest, HoldsBackAReset) {
  auto [client, server] = Connect();
  Set(BothWays({.flow = Flow::kHold}));
  server.Reset();
  LetItLook();
  EXPECT_FALSE(client.HasNews());

  proxy_->Heal();

  EXPECT_EQ(client.AwaitEnding(), Ending::kReset);
}

TEST_F(FaultProxyTest, HalfOpenTheServerHearsAndIsNotHeard) {
  auto [client, server] = Connect();
  Set(HalfOpen());

  client.Send("question");
  EXPECT_EQ(server.Receive(8), "question");
  server.Send("answer");
  server.Close();

  EXPECT_TRUE(proxy_->Await([](const ProxyCounts& counts) { return counts.swallowed == 6; }));
  LetItLook();
  EXPECT_FALSE(client.HasNews());
  EXPECT_TRUE(client.Send("is anybody there?"));
}

TEST_F(FaultProxyTest, ALostFinComesOnceItIsHealed) {
  auto [client, server] = Connect();
  Set({.to_client = {.lose_end = true}});
  server.Send("answer");
  server.Close();
  EXPECT_EQ(client.Receive(6), "answer");
  LetItLook();
  EXPECT_FALSE(client.HasNews());

  proxy_->Heal();

  EXPECT_EQ(client.AwaitEnding(), Ending::kFin);
}

TEST_F(FaultProxyTest, AConnectionThatIsGoneTakesBytesWhileItsResetIsLost) {
  auto [client, server] = Connect();
  Set({.to_client = {.lose_end = true}});
  server.Reset();
  LetItLook();

  for (int i = 0; i < 100; ++i) EXPECT_TRUE(client.Send(Bytes(10'000)));

  LetItLook();
  EXPECT_FALSE(client.HasNews());
  proxy_->Heal();
  EXPECT_EQ(client.AwaitEnding(), Ending::kReset);
}

TEST_F(FaultProxyTest, CutsAfterExactlySoManyBytesToTheClient) {
  Set({.to_client = {.cut_after = 10'000}});
  auto [client, server] = Connect();
  const std::string sent = Bytes(100'000);

  server.Send(sent);

  EXPECT_TRUE(client.Receive(sent.size()) == sent.substr(0, 10'000));
  EXPECT_EQ(server.AwaitEnding(), Ending::kReset);
  EXPECT_TRUE(proxy_->Await(
      [](const ProxyCounts& counts) { return counts == ProxyCounts{.accepted = 1, .reset = 1, .to_client = 10'000}; }));
}

TEST_F(FaultProxyTest, CutsAfterExactlySoManyBytesToTheServer) {
  auto [client, server] = Connect();
  client.Send("before");
  EXPECT_EQ(server.Receive(6), "before");

  Set({.to_server = {.cut_after = 4}});
  client.Send("afterwards");

  EXPECT_EQ(server.Receive(10), "afte");
  EXPECT_EQ(server.AwaitEnding(), Ending::kReset);
  EXPECT_EQ(client.AwaitEnding(), Ending::kReset);
}

TEST_F(FaultProxyTest, CutsEveryConnectionByItself) {
  Set({.to_client = {.cut_after = 3}});
  auto [first_client, first_server] = Connect();
  auto [second_client, second_server] = Connect();

  first_server.Send("12");
  EXPECT_EQ(first_client.Receive(2), "12");
  second_server.Send("1234");
  EXPECT_EQ(second_client.Receive(4), "123");

  first_server.Send("34");
  EXPECT_EQ(first_client.Receive(2), "3");
}

TEST_F(FaultProxyTest, AServerThatIsNotThereResetsTheClient) {
  std::string nobody;
  {
    const TcpListener gone;
    nobody = gone.address();
  }
  proxy_ = StartProxy({.upstream = nobody});

  TcpPeer client = TcpPeer::ConnectTo(proxy_->address());

  EXPECT_EQ(client.AwaitEnding(), Ending::kReset);
  EXPECT_TRUE(proxy_->Await([](const ProxyCounts& counts) { return counts.unanswered == 1 && counts.open == 0; }));
}

TEST_F(FaultProxyTest, EndsTheConnectionsWithIt) {
  auto [client, server] = Connect();

  proxy_.reset();

  EXPECT_EQ(client.AwaitEnding(), Ending::kReset);
  EXPECT_EQ(server.AwaitEnding(), Ending::kReset);
}

TEST_F(FaultProxyTest, AwaitEndsWithItsLimit) {
  EXPECT_FALSE(proxy_->Await([](const ProxyCounts& counts) { return counts.accepted == 1; }, 10ms));
}

TEST_F(FaultProxyTest, SeveralTakeOnePortOfOtherAddresses) {
  const auto other = StartProxy({.upstream = listener_.address(), .listen_address = absl::StrCat("127.0.0.2:", proxy_->port())});

  TcpPeer client = TcpPeer::ConnectTo(other->address());
  TcpPeer server = listener_.Accept();
  client.Send("question");

  EXPECT_EQ(server.Receive(8), "question");
  EXPECT_EQ(other->address(), absl::StrCat("127.0.0.2:", proxy_->port()));
  EXPECT_EQ(proxy_->counts().accepted, 0);
}

// Bytes, ends and faults of every kind at once, from several threads: what does come is right.
TEST_F(FaultProxyTest, ChangesWhileConnectionsAreBusy) {
  constexpr int kConnections = 8;
  const std::string sent = Bytes(1 << 20);
  std::vector<std::pair<TcpPeer, TcpPeer>> connections;
  for (int i = 0; i < kConnections; ++i) connections.push_back(Connect());

  std::vector<std::future<bool>> received;
  std::vector<std::thread> senders;
  for (auto& [client, server] : connections) {
    senders.emplace_back([&peer = client, &sent] {
      peer.Send(sent);
      peer.FinishSending();
    });
    received.push_back(std::async(std::launch::async, [&peer = server, &sent] {
      const std::string all = peer.Receive(sent.size() + 1);
      return all == sent;
    }));
  }
  for (int i = 0; i < 200; ++i) {
    proxy_->Set(BothWays({.latency = 1ms * (i % 3), .jitter = 1ms}));
    proxy_->Set(BothWays({.flow = Flow::kHold}));
    proxy_->Set(BothWays({.bytes_per_second = 10'000'000, .lose_end = true}));
    proxy_->Set({.new_connections = i % 2 == 0 ? NewConnections::kRefuse : NewConnections::kReset});
  }
  proxy_->Heal();

  for (std::future<bool>& all : received) EXPECT_TRUE(all.get());
  for (std::thread& sender : senders) sender.join();
}

class FaultProxyStartTest : public ::testing::Test {
 protected:
  TcpListener listener_;
};

TEST_F(FaultProxyStartTest, RefusesAddressesThatCannotBe) {
  EXPECT_THAT(FaultProxy::Start({}), IsError(StatusCode::kInvalidArgument, HasSubstr("FaultProxyOptions.upstream")));
  EXPECT_THAT(FaultProxy::Start({.upstream = "users.prod:80"}),
              IsError(StatusCode::kInvalidArgument, HasSubstr("\"users.prod:80\" is no IP_ADDRESS:PORT")));
  EXPECT_THAT(FaultProxy::Start({.upstream = "127.0.0.1:0"}),
              IsError(StatusCode::kInvalidArgument, HasSubstr("FaultProxyOptions.upstream: needs a port")));
  EXPECT_THAT(FaultProxy::Start({.upstream = listener_.address(), .listen_address = "127.0.0.1"}),
              IsError(StatusCode::kInvalidArgument, HasSubstr("FaultProxyOptions.listen_address")));
  EXPECT_THAT(FaultProxy::Start({.upstream = listener_.address(), .listen_address = "::1:80"}),
              IsError(StatusCode::kInvalidArgument, HasSubstr("\"::1:80\" is no IP_ADDRESS:PORT, like")));
}

TEST_F(FaultProxyStartTest, RefusesABufferOfNothing) {
  EXPECT_THAT(FaultProxy::Start({.upstream = listener_.address(), .buffer_bytes = 0}),
              IsError(StatusCode::kInvalidArgument, HasSubstr("FaultProxyOptions.buffer_bytes")));
}

TEST_F(FaultProxyStartTest, SaysThatAPortIsTaken) {
  EXPECT_THAT(
      FaultProxy::Start({.upstream = listener_.address(), .listen_address = listener_.address()}),
      IsError(StatusCode::kUnavailable, HasSubstr(absl::StrCat("cannot listen on ", listener_.address(), ": Address already"))));
}

TEST_F(FaultProxyStartTest, TakesIpv6) {
  const auto proxy = FaultProxy::Start({.upstream = listener_.address(), .listen_address = "[::1]:0"});
  if (!proxy.ok()) GTEST_SKIP() << "no IPv6 here: " << proxy.status();

  TcpPeer client = TcpPeer::ConnectTo((*proxy)->address());
  client.Send("question");

  EXPECT_EQ(listener_.Accept().Receive(8), "question");
}

using FaultProxyDeathTest = FaultProxyTest;

TEST_F(FaultProxyDeathTest, NumbersThatCannotBeEndTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(proxy_->Set({.to_server = {.latency = -1ms}}), "ProxyFaults.to_server.latency must not be negative");
  EXPECT_DEATH(proxy_->Set({.to_client = {.jitter = -1ms}}), "ProxyFaults.to_client.jitter must not be negative");
  EXPECT_DEATH(proxy_->Set({.to_client = {.bytes_per_second = 0}}), "ProxyFaults.to_client.bytes_per_second must be at least 1");
  EXPECT_DEATH(proxy_->Set({.to_client = {.cut_after = 0}}), "ProxyFaults.to_client.cut_after must be at least 1");
}

}  // namespace
}  // namespace userclient::testing
