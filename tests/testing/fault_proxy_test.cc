// What a FaultProxy does to connections, seen from both ends.

#include "userclient/testing/fault_proxy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <future>
#include <memory>
#include <optional>
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

/// What this process has in memory.
size_t ResidentBytes() {
  size_t whole = 0;
  size_t resident = 0;
  std::ifstream("/proc/self/statm") >> whole >> resident;
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

/// Takes all descriptors of this process but so many, and gives them back.
class FewDescriptors {
 public:
  explicit FewDescriptors(size_t left) {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit few = {.rlim_cur = 256, .rlim_max = before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &few);
    for (int taken = dup(STDERR_FILENO); taken >= 0; taken = dup(STDERR_FILENO)) taken_.push_back(taken);
    Leave(left);
  }
  ~FewDescriptors() {
    Leave(taken_.size());
    setrlimit(RLIMIT_NOFILE, &before_);
  }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;

 private:
  void Leave(size_t count) {
    for (; count > 0; --count) {
      close(taken_.back());
      taken_.pop_back();
    }
  }

  rlimit before_{};
  std::vector<int> taken_;
};

/// Nothing else runs with so few of them: UndefinedBehaviorSanitizer needs some, too.
absl::Status StartWithDescriptors(size_t left, const std::string& upstream) {
  const FewDescriptors few(left);
  return FaultProxy::Start({.upstream = upstream}).status();
}

/// New threads are to have a stack that no machine has the memory for.
class NoNewThreads {
 public:
  NoNewThreads() {
    pthread_getattr_default_np(&before_);
    pthread_attr_t attributes = {};
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, size_t{1} << 52);
    pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
  }
  ~NoNewThreads() {
    pthread_setattr_default_np(&before_);
    pthread_attr_destroy(&before_);
  }
  NoNewThreads(const NoNewThreads&) = delete;
  NoNewThreads& operator=(const NoNewThreads&) = delete;

 private:
  pthread_attr_t before_{};
};

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

// One piece after another, each waiting for the one before it, would be 128 delays, or 38 seconds.
TEST_F(FaultProxyTest, ADelayDoesNotNarrowTheFlow) {
  auto [client, server] = Connect();
  const std::string sent = Bytes(8 << 20);
  Set(BothWays({.latency = 300ms}));

  const auto begin = steady_clock::now();
  std::thread sender([&client = client, &sent] { client.Send(sent); });
  const std::string received = server.Receive(sent.size());
  const auto took = steady_clock::now() - begin;
  sender.join();

  EXPECT_TRUE(received == sent);
  EXPECT_LT(took, 19s);
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
  EXPECT_TRUE(TcpPeer::ConnectTo(large->address()).Send(std::string(size_t{32} << 20, 'x')));
}

// Each is received by itself.
TEST_F(FaultProxyTest, SmallPiecesTakeLittleMoreMemoryThanTheirBytes) {
  auto [client, server] = Connect();
  Set({.to_server = {.latency = 1h}});
  client.Send("x");
  LetItLook();
  const size_t before = ResidentBytes();

  for (int i = 0; i < 2'000; ++i) {
    client.Send("x");
    LetItLook();
  }

  EXPECT_LT(ResidentBytes(), before + (size_t{32} << 20));
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

// Whoever has connected is there, whether the proxy has looked or not.
TEST_F(FaultProxyTest, ResetsWhoHasJustConnected) {
  for (int i = 1; i <= 500; ++i) {
    const TcpPeer client = TcpPeer::ConnectTo(proxy_->address());

    proxy_->ResetConnections();

    ASSERT_EQ(proxy_->counts(), (ProxyCounts{.accepted = i, .open = 0, .reset = i}));
  }
}

TEST_F(FaultProxyTest, WhoHasJustConnectedMeetsWhatWasSetBefore) {
  std::vector<TcpPeer> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(TcpPeer::ConnectTo(proxy_->address()));
    Set({.new_connections = i % 2 == 0 ? NewConnections::kReset : NewConnections::kRefuse});
    Set({});
  }

  EXPECT_EQ(proxy_->counts().accepted, 100);
  EXPECT_EQ(proxy_->counts().reset, 0);
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

TEST_F(FaultProxyTest, WhoConnectsHangsAndOthersAreLeftAlone) {
  auto [client, server] = Connect();
  Set({.new_connections = NewConnections::kHang});

  EXPECT_EQ(TcpPeer::ConnectError(proxy_->address(), 200ms), EINPROGRESS);
  client.Send("question");
  EXPECT_EQ(server.Receive(8), "question");
  EXPECT_EQ(proxy_->counts().accepted, 1);

  Set({.new_connections = NewConnections::kRefuse});
  EXPECT_EQ(TcpPeer::ConnectError(proxy_->address()), ECONNREFUSED);
  Set({.new_connections = NewConnections::kHang});
  EXPECT_EQ(TcpPeer::ConnectError(proxy_->address(), 200ms), EINPROGRESS);
  Set({});
  auto [next_client, next_server] = Connect();
  next_client.Send("question");
  EXPECT_EQ(next_server.Receive(8), "question");
  EXPECT_EQ(proxy_->counts().accepted, 2);
}

TEST_F(FaultProxyTest, WhoStillHangsComesThroughOnceItIsHealed) {
  Set({.new_connections = NewConnections::kHang});
  std::future<int> connecting = std::async(std::launch::async, [this] { return TcpPeer::ConnectError(proxy_->address()); });
  EXPECT_EQ(connecting.wait_for(100ms), std::future_status::timeout);

  proxy_->Heal();

  EXPECT_EQ(connecting.get(), 0);
}

// With every descriptor taken it can still change its mind.
TEST_F(FaultProxyTest, RefusesAndListensAgainWithoutADescriptorToSpare) {
  FaultProxy& proxy = *proxy_;
  {
    const FewDescriptors none(0);
    proxy.Set({.new_connections = NewConnections::kRefuse});
    proxy.Set({.new_connections = NewConnections::kHang});
    proxy.Heal();
  }

  auto [client, server] = Connect();
  client.Send("question");
  EXPECT_EQ(server.Receive(8), "question");
}

TEST_F(FaultProxyTest, FreezesThoseThatExistAndNobodyElse) {
  auto [client, server] = Connect();
  proxy_->Set(BothWays({.flow = Flow::kHold}), Connections::kExisting);

  auto [next_client, next_server] = Connect();
  client.Send("question");
  next_client.Send("question");

  EXPECT_EQ(next_server.Receive(8), "question");
  EXPECT_FALSE(server.HasNews());
  proxy_->Heal();
  EXPECT_EQ(server.Receive(8), "question");
}

TEST_F(FaultProxyTest, LeavesThoseThatExistAloneAndFreezesNewOnes) {
  auto [client, server] = Connect();
  proxy_->Set(BothWays({.flow = Flow::kHold}), Connections::kNew);

  const TcpPeer next_client = TcpPeer::ConnectTo(proxy_->address());
  client.Send("question");

  EXPECT_EQ(server.Receive(8), "question");
  EXPECT_TRUE(proxy_->Await([](const ProxyCounts& counts) { return counts.accepted == 2; }));
  EXPECT_FALSE(listener_.HasVisitor());
  proxy_->Heal();
  listener_.Accept();
}

TEST_F(FaultProxyTest, FaultsOfThoseThatExistLeaveTheDoorAsItIs) {
  Set({.new_connections = NewConnections::kRefuse});

  proxy_->Set({.to_client = {.latency = 1ms}}, Connections::kExisting);

  EXPECT_EQ(TcpPeer::ConnectError(proxy_->address()), ECONNREFUSED);
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

TEST_F(FaultProxyTest, ClosesAfterExactlySoManyBytes) {
  Set({.to_client = {.cut_after = 10'000, .cut = Cut::kClose}});
  auto [client, server] = Connect();
  const std::string sent = Bytes(100'000);

  server.Send(sent);

  EXPECT_TRUE(client.Receive(sent.size()) == sent.substr(0, 10'000));
  EXPECT_EQ(client.AwaitEnding(), Ending::kFin);
  EXPECT_EQ(server.AwaitEnding(), Ending::kFin);
  EXPECT_TRUE(client.Send("one more question"));
  client.Close();
  server.Close();
  EXPECT_TRUE(proxy_->Await(
      [](const ProxyCounts& counts) { return counts == ProxyCounts{.accepted = 1, .to_client = 10'000, .swallowed = 90'017}; }));
}

TEST_F(FaultProxyTest, AClosedConnectionStaysClosedWhateverIsSet) {
  Set({.to_client = {.cut_after = 1, .cut = Cut::kClose}});
  auto [client, server] = Connect();
  server.Send("answer");
  EXPECT_EQ(client.Receive(6), "a");

  Set(BothWays({.flow = Flow::kHold}));
  Set({});

  EXPECT_EQ(server.AwaitEnding(), Ending::kFin);
  server.Close();
  client.Close();
  EXPECT_TRUE(AwaitGone());
  EXPECT_EQ(proxy_->counts().reset, 0);
}

TEST_F(FaultProxyTest, CorruptsEveryByteBehindSoMany) {
  Set({.to_client = {.corrupt_after = 10'000}});
  auto [client, server] = Connect();
  const std::string sent = Bytes(200'000);
  std::string expected = sent;
  for (size_t i = 10'000; i < expected.size(); ++i) expected[i] = static_cast<char>(~expected[i]);

  std::thread sender([&server = server, &sent] { server.Send(sent); });
  const std::string received = client.Receive(sent.size());
  sender.join();

  EXPECT_TRUE(received == expected);
  client.Send("question");
  EXPECT_EQ(server.Receive(8), "question");
  proxy_->Heal();
  server.Send("answer");
  EXPECT_EQ(client.Receive(6), "answer");
}

TEST_F(FaultProxyTest, CorruptsAndCuts) {
  Set({.to_server = {.cut_after = 4, .corrupt_after = 0}});
  auto [client, server] = Connect();

  client.Send("aaaaaa");

  EXPECT_EQ(server.Receive(6), std::string(4, static_cast<char>(~'a')));
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

TEST_F(FaultProxyTest, AwaitsForEver) {
  std::optional<TcpPeer> client;

  EXPECT_TRUE(proxy_->Await(
      [&](const ProxyCounts& counts) {
        if (!client) client = TcpPeer::ConnectTo(proxy_->address());
        return counts.accepted == 1;
      },
      std::chrono::nanoseconds::max()));
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

TEST_F(FaultProxyStartTest, SaysThatThereIsNoDescriptorLeft) {
  for (size_t left = 0; left < 4; ++left) {
    const absl::Status status = StartWithDescriptors(left, listener_.address());

    EXPECT_THAT(status, IsError(StatusCode::kResourceExhausted, HasSubstr("no descriptor left for it: Too many open files")));
  }
}

TEST_F(FaultProxyStartTest, SaysThatThereIsNoThreadLeft) {
  const NoNewThreads no_threads;

  EXPECT_THAT(FaultProxy::Start({.upstream = listener_.address()}),
              IsError(StatusCode::kResourceExhausted, HasSubstr("no thread left for it")));
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
  EXPECT_DEATH(proxy_->Set({.to_client = {.cut = Cut::kClose}}), "ProxyFaults.to_client.cut needs cut_after");
  EXPECT_DEATH(proxy_->Set({.to_server = {.corrupt_after = -1}}), "ProxyFaults.to_server.corrupt_after must not be negative");
  EXPECT_DEATH(proxy_->Set({.new_connections = NewConnections::kReset}, Connections::kExisting),
               "ProxyFaults.new_connections is not for connections that exist");
}

}  // namespace
}  // namespace userclient::testing
