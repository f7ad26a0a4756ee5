#include "discovery/dns_watcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/discovery/listener.h"
#include "tests/discovery/resources.h"
#include "tests/support/scripted_name_server.h"

namespace userclient::internal {
namespace {

using namespace std::chrono_literals;
using absl::StatusCode;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using userclient::testing::DnsFamily;
using userclient::testing::DnsReply;
using userclient::testing::Eventually;
using userclient::testing::Listener;
using userclient::testing::NoAddress;
using userclient::testing::NxDomain;
using userclient::testing::OpenDescriptors;
using userclient::testing::Refused;
using userclient::testing::ScriptedNameServer;
using userclient::testing::ServFail;
using userclient::testing::Silence;
using userclient::testing::Threads;
using Clock = std::chrono::steady_clock;

constexpr char kHost[] = "users.test";

MATCHER_P2(IsNews, news, ipv4, "") { return arg.news == news && arg.endpoints.ipv4 == ipv4; }

using Addresses = std::vector<std::string>;

DnsName At(const ScriptedNameServer& server, const std::string& host = kHost) {
  return DnsNameOf("dns://" + server.authority() + "/" + host + ":50051").value();
}

std::unique_ptr<DnsWatcher> Watch(const DnsName& name, DnsWatcherOptions options) {
  return DnsWatcher::Start(name, std::move(options)).value();
}

class DnsWatcherTest : public ::testing::Test {
 protected:
  void SetIpv4(Addresses addresses) { server_.Set(kHost, {.addresses = std::move(addresses)}, NoAddress()); }
  int Lookups() const { return server_.queries(kHost, DnsFamily::kIpv4); }

  /// The first answer, and that it was confirmed: from then on nothing but a change is news.
  void AwaitFirst() { listener_.Await(2); }
  /// What comes after that.
  Listener::News AwaitChange() { return listener_.Await(3).at(2); }

  /// Enough lookups for anything that a lookup could bring.
  void AwaitThreeLookups(const DnsWatcher& watcher) {
    const int64_t before = watcher.snapshot().lookups;
    EXPECT_TRUE(Eventually([&] { return watcher.snapshot().lookups >= before + 3; }));
  }

  ScriptedNameServer server_;
  Listener listener_;
};

TEST_F(DnsWatcherTest, TellsTheFirstEndpointsAndEachChangeTwice) {
  SetIpv4({"10.0.0.1"});
  const auto watcher = Watch(At(server_), listener_.Options());
  listener_.Await(2);

  SetIpv4({"10.0.0.2", "10.0.0.1"});
  listener_.Await(4);
  SetIpv4({"10.0.0.2"});

  EXPECT_THAT(listener_.Await(6), ElementsAre(IsNews(EndpointNews::kFirst, Addresses{"10.0.0.1"}),
                                              IsNews(EndpointNews::kConfirmed, Addresses{"10.0.0.1"}),
                                              IsNews(EndpointNews::kChanged, Addresses{"10.0.0.1", "10.0.0.2"}),
                                              IsNews(EndpointNews::kConfirmed, Addresses{"10.0.0.1", "10.0.0.2"}),
                                              IsNews(EndpointNews::kChanged, Addresses{"10.0.0.2"}),
                                              IsNews(EndpointNews::kConfirmed, Addresses{"10.0.0.2"})));
  EXPECT_EQ(watcher->snapshot().changes, 2);
}

TEST_F(DnsWatcherTest, AnotherOrderAndDuplicatesAreNoChange) {
  SetIpv4({"10.0.0.1", "10.0.0.2"});
  const auto watcher = Watch(At(server_), listener_.Options());
  listener_.Await(1);

  SetIpv4({"10.0.0.2", "10.0.0.1", "10.0.0.2"});
  AwaitThreeLookups(*watcher);

  EXPECT_EQ(watcher->snapshot().changes, 0);
}

TEST_F(DnsWatcherTest, FollowsBothFamilies) {
  server_.Set(kHost, {.addresses = {"10.0.0.1"}}, {.addresses = {"fd00::1"}});
  const auto watcher = Watch(At(server_), listener_.Options());
  AwaitFirst();

  server_.Set(kHost, DnsFamily::kIpv6, {.addresses = {"fd00::1", "fd00::2"}});

  EXPECT_THAT(AwaitChange().endpoints.ipv6, ElementsAre("fd00::1", "fd00::2"));
  EXPECT_THAT(watcher->snapshot().endpoints.ipv4, ElementsAre("10.0.0.1"));
}

TEST_F(DnsWatcherTest, KeepsTheLastGoodAnswerWhateverTheNameServerSays) {
  SetIpv4({"10.0.0.1"});
  const auto watcher = Watch(At(server_), listener_.Options());
  listener_.Await(1);

  for (const DnsReply& reply : {NxDomain(), NoAddress(), ServFail(), Refused()}) {
    server_.Set(kHost, reply, reply);
    // The first failure may be of the reply before.
    listener_.AwaitNextFailure();
    EXPECT_FALSE(listener_.AwaitNextFailure().back().ok());
    EXPECT_THAT(watcher->snapshot().endpoints.ipv4, ElementsAre("10.0.0.1"));
    EXPECT_FALSE(watcher->snapshot().failure.ok());
    SetIpv4({"10.0.0.1"});
    ASSERT_TRUE(Eventually([&] { return watcher->snapshot().failure.ok(); }));
  }

  EXPECT_EQ(watcher->snapshot().changes, 0);
  EXPECT_EQ(listener_.news().size(), 2) << "the first answer, and that it was confirmed";
}

TEST_F(DnsWatcherTest, AFamilyThatIsRefusedIsNoFailure) {
  server_.Set(kHost, {.addresses = {"10.0.0.1"}}, Refused());
  const auto watcher = Watch(At(server_), listener_.Options());

  AwaitFirst();
  SetIpv4({"10.0.0.2"});
  server_.Set(kHost, DnsFamily::kIpv6, Refused());

  EXPECT_THAT(AwaitChange().endpoints.ipv4, ElementsAre("10.0.0.2"));
  EXPECT_TRUE(watcher->snapshot().failure.ok());
}

TEST_F(DnsWatcherTest, ANameServerThatDiesAndReturnsIsFoundAgain) {
  SetIpv4({"10.0.0.1"});
  const auto watcher = Watch(At(server_), listener_.Options());
  AwaitFirst();

  server_.Die();
  EXPECT_THAT(listener_.AwaitNextFailure().back().message(), HasSubstr("cannot be reached"));
  SetIpv4({"10.0.0.2"});
  server_.Return();

  EXPECT_THAT(AwaitChange(), IsNews(EndpointNews::kChanged, Addresses{"10.0.0.2"}));
  EXPECT_TRUE(watcher->snapshot().failure.ok());
}

TEST_F(DnsWatcherTest, ANameThatDoesNotExistYetIsFoundOnceItDoes) {
  const auto watcher = Watch(At(server_), listener_.Options());

  EXPECT_EQ(listener_.AwaitNextFailure().back().code(), StatusCode::kNotFound);
  SetIpv4({"10.0.0.1"});

  EXPECT_THAT(listener_.Await(1), ElementsAre(IsNews(EndpointNews::kFirst, Addresses{"10.0.0.1"})));
}

TEST_F(DnsWatcherTest, SeesAChangeWithinAnIntervalAndAFifth) {
  SetIpv4({"10.0.0.1"});
  const auto watcher = Watch(At(server_), listener_.Options(500ms));
  AwaitFirst();

  const Clock::time_point start = Clock::now();
  SetIpv4({"10.0.0.2"});
  AwaitChange();

  // The rest is for a machine that is busy.
  EXPECT_LE(Clock::now() - start, 600ms + 10s);
  RecordProperty("milliseconds", static_cast<int>((Clock::now() - start) / 1ms));
}

TEST_F(DnsWatcherTest, LooksNoMoreOftenThanTheIntervalAsks) {
  SetIpv4({"10.0.0.1"});
  const Clock::time_point start = Clock::now();
  const auto watcher = Watch(At(server_), listener_.Options(50ms));

  ASSERT_TRUE(Eventually([&] { return Lookups() >= 11; }));

  EXPECT_THAT(Clock::now() - start, Ge(10 * 40ms));
}

TEST_F(DnsWatcherTest, LookNowDoesNotWaitForTheInterval) {
  SetIpv4({"10.0.0.1"});
  const auto watcher = Watch(At(server_), listener_.Options(1h));
  listener_.Await(1);

  SetIpv4({"10.0.0.2"});
  watcher->LookNow();

  EXPECT_THAT(listener_.Await(2)[1], IsNews(EndpointNews::kChanged, Addresses{"10.0.0.2"}));
}

TEST_F(DnsWatcherTest, LookNowDoesNotFloodTheNameServer) {
  SetIpv4({"10.0.0.1"});
  const Clock::time_point start = Clock::now();
  const auto watcher = Watch(At(server_), listener_.Options(1h));
  listener_.Await(1);

  ASSERT_TRUE(Eventually([&] {
    watcher->LookNow();
    return Lookups() >= 3;
  }));

  EXPECT_GE(Clock::now() - start, 2s);
}

TEST_F(DnsWatcherTest, LookNowLeavesANameServerAloneThatHasNoAnswer) {
  const Clock::time_point start = Clock::now();
  const auto watcher = Watch(At(server_), listener_.Options(1h));

  // The server also counts what is asked again because it was slow.
  ASSERT_TRUE(Eventually([&] {
    watcher->LookNow();
    return watcher->snapshot().lookups >= 3;
  }));

  // 1 s and 2 s, a fifth less each.
  EXPECT_GE(Clock::now() - start, 2400ms);
}

TEST_F(DnsWatcherTest, TheSnapshotTellsOfSuccessAndFailure) {
  const auto watcher = Watch(At(server_), listener_.Options());
  listener_.AwaitNextFailure();
  const DnsWatcher::Snapshot before = watcher->snapshot();
  SetIpv4({"10.0.0.1"});
  listener_.Await(1);
  const DnsWatcher::Snapshot after = watcher->snapshot();

  EXPECT_THAT(before.endpoints.ipv4, IsEmpty());
  EXPECT_FALSE(before.last_success);
  EXPECT_EQ(before.failure.code(), StatusCode::kNotFound);
  EXPECT_GE(before.lookups, 1);
  EXPECT_THAT(after.endpoints.ipv4, ElementsAre("10.0.0.1"));
  EXPECT_TRUE(after.last_success);
  EXPECT_TRUE(after.failure.ok());
  EXPECT_GT(after.lookups, before.lookups);
}

TEST_F(DnsWatcherTest, RefusesAnIntervalThatCannotBe) {
  EXPECT_EQ(DnsWatcher::Start(At(server_), {.interval = 0ns}).status().code(), StatusCode::kInvalidArgument);
}

// ---- The end

TEST_F(DnsWatcherTest, EndsDuringALookupThatHangs) {
  server_.Set(kHost, Silence(), Silence());
  auto watcher = Watch(At(server_), {.lookup = {.timeout = 600s}});
  ASSERT_TRUE(Eventually([&] { return Lookups() >= 1; }));

  const Clock::time_point start = Clock::now();
  watcher.reset();

  EXPECT_LT(Clock::now() - start, 10s);
}

TEST_F(DnsWatcherTest, EndsWhileItWaits) {
  SetIpv4({"10.0.0.1"});
  auto watcher = Watch(At(server_), listener_.Options(1h));
  listener_.Await(1);

  const Clock::time_point start = Clock::now();
  watcher.reset();

  EXPECT_LT(Clock::now() - start, 10s);
}

TEST_F(DnsWatcherTest, TellsNothingAfterStop) {
  SetIpv4({"10.0.0.1"});
  const auto watcher = Watch(At(server_), listener_.Options());
  listener_.Await(1);

  watcher->Stop();
  const int64_t lookups = watcher->snapshot().lookups;
  watcher->LookNow();
  watcher->Stop();

  EXPECT_EQ(watcher->snapshot().lookups, lookups);
}

TEST_F(DnsWatcherTest, StopWaitsForAFunctionThatIsRunning) {
  SetIpv4({"10.0.0.1"});
  std::mutex mutex;
  std::condition_variable changed;
  bool running = false;
  bool go_on = false;
  std::atomic<bool> stopped = false;
  const auto watcher = Watch(At(server_), {.on_endpoints = [&](EndpointNews, const Endpoints&) {
                               std::unique_lock lock(mutex);
                               running = true;
                               changed.notify_all();
                               changed.wait(lock, [&] { return go_on; });
                               EXPECT_FALSE(stopped);
                             }});
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return running; });

  std::thread stop([&] {
    watcher->Stop();
    stopped = true;
  });
  go_on = true;
  changed.notify_all();
  lock.unlock();
  stop.join();

  EXPECT_TRUE(stopped);
}

TEST_F(DnsWatcherTest, MayBeStoppedByAFunctionThatItCalls) {
  SetIpv4({"10.0.0.1"});
  std::atomic<DnsWatcher*> self = nullptr;
  std::atomic<int> told = 0;
  const auto watcher = Watch(At(server_), {.interval = 1ms, .on_endpoints = [&](EndpointNews, const Endpoints&) {
                                             while (self == nullptr) std::this_thread::yield();
                                             self.load()->Stop();
                                             ++told;
                                           }});
  self = watcher.get();

  ASSERT_TRUE(Eventually([&] { return told == 1; }));
  watcher->Stop();

  EXPECT_EQ(told, 1);
}

TEST_F(DnsWatcherTest, MayBeUsedByManyThreads) {
  SetIpv4({"10.0.0.1"});
  const auto watcher = Watch(At(server_), listener_.Options(1ms));
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        watcher->LookNow();
        EXPECT_LE(watcher->snapshot().endpoints.size(), 1);
      }
      watcher->Stop();
    });
  }
  for (std::thread& thread : threads) thread.join();

  // The first answer, and that it has been seen again.
  EXPECT_LE(listener_.news().size(), 2);
}

TEST_F(DnsWatcherTest, TwoHundredWatchersLeaveNoThreadAndNoDescriptorBehind) {
  SetIpv4({"10.0.0.1"});
  server_.Set("silent.test", Silence(), Silence());
  const int threads = Threads();
  Watch(At(server_), listener_.Options()).reset();
  // A thread that has been joined may still be in /proc for a moment.
  ASSERT_TRUE(Eventually([&] { return Threads() == threads; })) << Threads() << " and not " << threads;
  const int descriptors = OpenDescriptors();

  {
    std::vector<std::unique_ptr<DnsWatcher>> watchers;
    for (int i = 0; i < 100; ++i) {
      watchers.push_back(Watch(At(server_), listener_.Options(5ms)));
      watchers.push_back(Watch(At(server_, "silent.test"), listener_.Options(5ms)));
    }
    EXPECT_EQ(Threads(), threads + 200);
    EXPECT_TRUE(Eventually([&] { return Lookups() >= 300 && server_.queries("silent.test", DnsFamily::kIpv6) >= 100; }));
  }

  EXPECT_TRUE(Eventually([&] { return Threads() == threads; })) << Threads() << " and not " << threads;
  EXPECT_EQ(OpenDescriptors(), descriptors);
}

}  // namespace
}  // namespace userclient::internal
