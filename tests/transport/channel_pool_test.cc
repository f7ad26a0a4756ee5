#include "transport/channel_pool.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "absl/synchronization/notification.h"
#include "tests/transport/pool_fixture.h"

namespace userclient::testing {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

using Leases = std::vector<ChannelPool::Lease>;

/// A call that the server never answers, on a channel of its own choice.
class HangingCall {
 public:
  explicit HangingCall(ChannelPool::Lease lease) : lease_(std::move(lease)) {
    context_.set_deadline(std::chrono::system_clock::now() + 60s);
    static_cast<user::v1::UserService::Stub*>(lease_->stub.get())
        ->async()
        ->GetUser(&context_, &request_, &response_, [this](const grpc::Status&) { done_.Notify(); });
  }
  ~HangingCall() {
    context_.TryCancel();
    done_.WaitForNotification();
  }

 private:
  ChannelPool::Lease lease_;
  grpc::ClientContext context_;
  user::v1::GetUserRequest request_;
  user::v1::GetUserResponse response_;
  absl::Notification done_;
};

class ChannelPoolTest : public PoolTest {
 protected:
  /// Makes the pool as large as this by leases that it adds to `leases`: as many as the smaller pool could carry.
  static bool GrowTo(ChannelPool& pool, int size, int grow_at, Leases& leases) {
    bool grown = true;
    for (int i = pool.size(); grown && i < size; ++i) {
      for (int calls = 0; calls < grow_at; ++calls) leases.push_back(pool.Take());
      grown = Eventually([&] { return pool.Take() && pool.size() == i + 1; });
    }
    return grown;
  }
};

TEST_F(ChannelPoolTest, TwoChannelsAreTwoConnections) {
  const auto pool = MakePool({.count = 2});

  const ChannelPool::Lease first = pool->Take();
  const ChannelPool::Lease second = pool->Take();

  EXPECT_TRUE(GetUser(first).ok());
  EXPECT_TRUE(AwaitConnections(1));
  EXPECT_TRUE(GetUser(second).ok());
  EXPECT_TRUE(AwaitConnections(2));
}

TEST_F(ChannelPoolTest, TwoPoolsShareNoConnection) {
  const auto reads = MakePool({.first_pool_number = 0, .count = 2});
  const auto writes = MakePool({.first_pool_number = 2, .count = 1});

  ASSERT_TRUE(reads->WaitReady(MuchLater()));
  EXPECT_TRUE(AwaitConnections(2));
  ASSERT_TRUE(writes->WaitReady(MuchLater()));
  EXPECT_TRUE(AwaitConnections(3));
}

// Why the numbers matter, and what makes the replacement of a channel cheap.
TEST_F(ChannelPoolTest, PoolsWithTheSameNumbersShareConnections) {
  const auto old_pool = MakePool({.first_pool_number = 7, .count = 2});
  ASSERT_TRUE(old_pool->WaitReady(MuchLater()));

  const auto new_pool = MakePool({.first_pool_number = 7, .count = 2});

  ASSERT_TRUE(new_pool->WaitReady(MuchLater()));
  EXPECT_TRUE(AwaitConnections(2));
}

TEST_F(ChannelPoolTest, GivesTheChannelWithTheFewestCallsInFlight) {
  const auto pool = MakePool({.count = 3});
  Leases leases;
  for (int i = 0; i < 6; ++i) leases.push_back(pool->Take());
  const grpc::Channel* const returned = leases[4]->channel.get();

  leases[4].Return();

  for (int i = 0; i < 3; ++i) EXPECT_EQ(pool->Take()->channel.get(), returned);
}

TEST_F(ChannelPoolTest, EqualChannelsTakeTurns) {
  const auto pool = MakePool({.count = 2});

  const grpc::Channel* const first = pool->Take()->channel.get();
  const grpc::Channel* const second = pool->Take()->channel.get();
  const grpc::Channel* const third = pool->Take()->channel.get();

  EXPECT_NE(first, second);
  EXPECT_EQ(first, third);
}

TEST_F(ChannelPoolTest, CountsWhatIsInFlight) {
  const auto pool = MakePool({.count = 2});

  ChannelPool::Lease first = pool->Take();
  const ChannelPool::Lease second = pool->Take();
  ChannelPool::Lease third = pool->Take();
  EXPECT_EQ(pool->in_flight(), 3);

  third = std::move(first);
  EXPECT_EQ(pool->in_flight(), 2);
  EXPECT_FALSE(first) << "moved from";  // NOLINT(bugprone-use-after-move): that is the point
  third.Return();
  third.Return();
  EXPECT_EQ(pool->in_flight(), 1);
}

TEST_F(ChannelPoolTest, GrowsWhileCallsHangAndEachNewChannelIsAConnection) {
  server_->ScriptRepeatedly("GetUser", {Hang()});
  const auto pool = MakePool({.count = 1, .max_count = 3, .grow_at = 2});
  std::vector<std::unique_ptr<HangingCall>> calls;
  const auto call = [&] { calls.push_back(std::make_unique<HangingCall>(pool->Take())); };
  call();
  call();
  ASSERT_TRUE(server_->AwaitAttempts("GetUser", 2));
  EXPECT_TRUE(AwaitConnections(1));

  call();
  ASSERT_TRUE(Eventually([&] { return pool->Take() && pool->size() == 2; }));
  EXPECT_TRUE(AwaitConnections(2));

  call();
  call();
  ASSERT_TRUE(Eventually([&] { return pool->Take() && pool->size() == 3; }));
  EXPECT_TRUE(AwaitConnections(3));

  for (int i = 0; i < 5; ++i) call();
  ASSERT_TRUE(server_->AwaitAttempts("GetUser", 10));
  EXPECT_EQ(pool->size(), 3);
  EXPECT_TRUE(AwaitConnections(3));
  calls.clear();
  EXPECT_EQ(pool->in_flight(), 0);
}

TEST_F(ChannelPoolTest, APoolBelowTheMarkDoesNotGrow) {
  const auto pool = MakePool({.count = 2, .max_count = 3, .grow_at = 2});
  Leases leases;

  for (int i = 0; i < 4; ++i) leases.push_back(pool->Take());
  EXPECT_EQ(pool->channels().size(), 2u);

  leases.push_back(pool->Take());
  EXPECT_EQ(pool->channels().size(), 3u);
}

TEST_F(ChannelPoolTest, APoolOfFixedSizeDoesNotGrow) {
  const auto pool = MakePool({.count = 1, .grow_at = 1});
  Leases leases;

  for (int i = 0; i < 500; ++i) leases.push_back(pool->Take());

  EXPECT_EQ(pool->channels().size(), 1u);
}

TEST_F(ChannelPoolTest, ANewChannelTakesNoCallsUntilItIsReady) {
  server_->Stop();
  const auto pool = MakePool({.count = 1, .max_count = 2, .grow_at = 1, .warm_up_limit = 1h});
  Leases leases;
  for (int i = 0; i < 50; ++i) leases.push_back(pool->Take());
  const auto connecting = pool->channels();
  ASSERT_EQ(connecting.size(), 2u);
  EXPECT_FALSE(connecting[1].in_use);
  EXPECT_EQ(connecting[1].in_flight, 0);
  EXPECT_EQ(pool->size(), 1);

  ASSERT_TRUE(server_->Restart().ok());

  ASSERT_TRUE(Eventually([&] { return pool->Take() && pool->size() == 2; }));
  const ChannelPool::Lease lease = pool->Take();
  EXPECT_NE(lease->channel, leases.front()->channel);
  EXPECT_TRUE(GetUser(lease).ok());
}

TEST_F(ChannelPoolTest, ANewChannelThatDoesNotBecomeReadyIsGivenUp) {
  server_->Stop();
  const auto pool = MakePool({.count = 1, .max_count = 2, .grow_at = 1, .warm_up_limit = 1ns});
  Leases leases;
  leases.push_back(pool->Take());
  leases.push_back(pool->Take());
  ASSERT_EQ(pool->channels().size(), 2u);
  leases.clear();

  EXPECT_TRUE(Eventually([&] { return pool->Take() && pool->channels().size() == 1; }));
}

TEST_F(ChannelPoolTest, AfterAChannelThatDidNotBecomeReadyThePoolTriesAgain) {
  server_->Stop();
  const auto pool = MakePool({.count = 1, .max_count = 2, .grow_at = 1, .warm_up_limit = 20ms});
  const Leases load = [&] {
    Leases leases;
    leases.push_back(pool->Take());
    leases.push_back(pool->Take());
    return leases;
  }();
  ASSERT_TRUE(Eventually([&] { return pool->Take() && pool->channels().size() == 1; }));

  ASSERT_TRUE(server_->Restart().ok());

  EXPECT_TRUE(Eventually([&] { return pool->Take() && pool->size() == 2; }));
}

TEST_F(ChannelPoolTest, ShrinksWhenTheAdditionalChannelsWereNotNeededForLongEnough) {
  const auto pool = MakePool({.count = 1, .max_count = 3, .grow_at = 1, .shrink_after = 0s});
  ASSERT_TRUE(pool->WaitReady(MuchLater()));
  Leases leases;
  ASSERT_TRUE(GrowTo(*pool, 3, 1, leases));
  EXPECT_TRUE(AwaitConnections(3));

  leases.clear();
  pool->Take();

  EXPECT_EQ(pool->size(), 1);
  EXPECT_EQ(pool->channels().size(), 1u);
  EXPECT_TRUE(AwaitConnections(1));
}

// If it shrank at once, the third would arrive as the second, and the next third would share its connections.
TEST_F(ChannelPoolTest, ShrinksOnlyAfterTheConnectingChannelHasArrivedOrWasGivenUp) {
  const auto pool = MakePool({.count = 1, .max_count = 3, .grow_at = 1, .shrink_after = 0s, .warm_up_limit = 1h});
  ASSERT_TRUE(pool->WaitReady(MuchLater()));
  Leases leases;
  ASSERT_TRUE(GrowTo(*pool, 2, 1, leases));
  server_->Stop();
  leases.push_back(pool->Take());
  leases.push_back(pool->Take());
  ASSERT_EQ(pool->channels().size(), 3u);

  leases.clear();
  for (int i = 0; i < 1000; ++i) pool->Take();
  EXPECT_EQ(pool->size(), 2);

  ASSERT_TRUE(server_->Restart().ok());
  EXPECT_TRUE(Eventually([&] { return pool->Take() && pool->channels().size() == 1; }));
}

TEST_F(ChannelPoolTest, KeepsWhatTheCallsInFlightNeed) {
  const auto pool = MakePool({.count = 1, .max_count = 3, .grow_at = 1, .shrink_after = 0s});
  ASSERT_TRUE(pool->WaitReady(MuchLater()));
  Leases leases;
  ASSERT_TRUE(GrowTo(*pool, 3, 1, leases));

  for (int i = 0; i < 1000; ++i) pool->Take();

  EXPECT_EQ(pool->size(), 3);
}

TEST_F(ChannelPoolTest, KeepsAdditionalChannelsUntilTheTimeHasPassed) {
  const auto pool = MakePool({.count = 1, .max_count = 2, .grow_at = 1, .shrink_after = 1h});
  ASSERT_TRUE(pool->WaitReady(MuchLater()));
  Leases leases;
  ASSERT_TRUE(GrowTo(*pool, 2, 1, leases));

  leases.clear();
  for (int i = 0; i < 1000; ++i) pool->Take();

  EXPECT_EQ(pool->size(), 2);
  EXPECT_TRUE(AwaitConnections(2));
}

TEST_F(ChannelPoolTest, AdditionalChannelsDisconnectByThemselvesWhenTheCallsStop) {
  const auto pool = MakePool({.count = 1, .max_count = 2, .grow_at = 1, .shrink_after = 1s});
  ASSERT_TRUE(pool->WaitReady(MuchLater()));
  Leases leases;
  ASSERT_TRUE(GrowTo(*pool, 2, 1, leases));
  ASSERT_TRUE(GetUser(pool->Take()).ok());
  leases.clear();

  EXPECT_TRUE(AwaitConnections(1));
  EXPECT_EQ(pool->channels()[0].connectivity, GRPC_CHANNEL_READY);
  EXPECT_EQ(pool->channels()[1].connectivity, GRPC_CHANNEL_IDLE);

  pool->Take();
  EXPECT_EQ(pool->size(), 1);
}

TEST_F(ChannelPoolTest, GrowsAgainAfterItHasShrunk) {
  const auto pool = MakePool({.count = 1, .max_count = 2, .grow_at = 1, .shrink_after = 0s});
  ASSERT_TRUE(pool->WaitReady(MuchLater()));
  for (int round = 0; round < 5; ++round) {
    Leases leases;
    ASSERT_TRUE(GrowTo(*pool, 2, 1, leases));
    leases.clear();
    pool->Take();
    ASSERT_EQ(pool->size(), 1);
  }
}

TEST_F(ChannelPoolTest, ALeaseOfAChannelThatHasLeftThePoolStillWorks) {
  const auto pool = MakePool({.count = 1, .max_count = 2, .grow_at = 2, .shrink_after = 0s});
  ASSERT_TRUE(pool->WaitReady(MuchLater()));
  Leases leases;
  ASSERT_TRUE(GrowTo(*pool, 2, 2, leases));
  ChannelPool::Lease on_new_channel = pool->Take();
  ASSERT_NE(on_new_channel->channel, leases.front()->channel);

  leases.clear();
  pool->Take();
  ASSERT_EQ(pool->size(), 1);
  EXPECT_EQ(pool->in_flight(), 1);
  EXPECT_NE(pool->Take()->channel, on_new_channel->channel);
  EXPECT_TRUE(GetUser(on_new_channel).ok());
  EXPECT_TRUE(AwaitConnections(2));

  on_new_channel.Return();
  EXPECT_EQ(pool->in_flight(), 0);
  EXPECT_TRUE(AwaitConnections(1));
}

TEST_F(ChannelPoolTest, ALeaseOutlivesItsPool) {
  auto pool = MakePool({.count = 2});
  ASSERT_TRUE(pool->WaitReady(MuchLater()));
  ChannelPool::Lease lease = pool->Take();

  pool.reset();

  EXPECT_TRUE(AwaitConnections(1));
  EXPECT_TRUE(GetUser(lease).ok());
  lease.Return();
  EXPECT_TRUE(AwaitConnections(0));
}

TEST_F(ChannelPoolTest, APoolThatIsShutDownDoesNotGrowButStillLends) {
  const auto pool = MakePool({.count = 1, .max_count = 2, .grow_at = 1});
  Leases leases;
  leases.push_back(pool->Take());
  leases.push_back(pool->Take());
  ASSERT_EQ(pool->channels().size(), 2u);

  pool->Shutdown();
  leases.push_back(pool->Take());

  EXPECT_EQ(pool->channels().size(), 1u);
  EXPECT_TRUE(GetUser(leases.back()).ok());
}

TEST_F(ChannelPoolTest, NumbersItsChannels) {
  const auto pool = MakePool({.first_pool_number = 5, .count = 2});
  ASSERT_TRUE(pool->WaitReady(MuchLater()));

  const auto channels = pool->channels();

  ASSERT_EQ(channels.size(), 2u);
  EXPECT_EQ(channels[0].pool_number, 5);
  EXPECT_EQ(channels[1].pool_number, 6);
  EXPECT_EQ(channels[1].connectivity, GRPC_CHANNEL_READY);
}

TEST_F(ChannelPoolTest, ManyThreadsGrowAndShrinkItAndEveryLeaseReturns) {
  const auto pool = MakePool({.count = 1, .max_count = 4, .grow_at = 16, .shrink_after = 0s});
  ASSERT_TRUE(pool->WaitReady(MuchLater()));
  std::atomic<int> calls_at_once = 1;
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      while (const int calls = calls_at_once) {
        Leases leases;
        for (int n = 0; n < calls; ++n) leases.push_back(pool->Take());
        if (!GetUser(leases.back()).ok()) ++failures;
        for (const ChannelPool::Lease& lease : leases) failures += lease->channel == nullptr || lease->stub == nullptr;
      }
    });
  }

  for (int wave = 0; wave < 10; ++wave) {
    calls_at_once = 8;
    EXPECT_TRUE(Eventually([&] { return pool->size() >= 3; }));
    calls_at_once = 1;
    EXPECT_TRUE(Eventually([&] { return pool->size() == 1; }));
  }
  calls_at_once = 0;
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(failures, 0);
  EXPECT_EQ(pool->in_flight(), 0);
  EXPECT_TRUE(Eventually([&] { return pool->Take() && pool->channels().size() == 1; }));
  EXPECT_TRUE(AwaitConnections(1));
}

TEST_F(ChannelPoolTest, RefusesSizesThatCannotBe) {
  const auto message = [&](ChannelSpec spec) { return std::string(TryMakePool(std::move(spec)).status().message()); };

  EXPECT_THAT(message({.count = 0}), HasSubstr("at least 1"));
  EXPECT_THAT(message({.count = 3, .max_count = 2}), HasSubstr("the maximum (2) is smaller than the number to begin with (3)"));
  EXPECT_THAT(message({.grow_at = 0}), HasSubstr("at least 1"));
  EXPECT_THAT(message({.shrink_after = -1s}), HasSubstr("negative"));
  EXPECT_THAT(message({.warm_up_limit = 0s}), HasSubstr("no time to connect"));
}

TEST_F(ChannelPoolTest, RefusesATargetThatGrpcCannotUse) {
  EXPECT_FALSE(TryMakePool({.target = "users"}).ok());
  EXPECT_FALSE(TryMakePool({.target = "ipv4:not-an-address:1"}).ok());
}

}  // namespace
}  // namespace userclient::testing
