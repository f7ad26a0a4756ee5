#include <future>
#include <stop_token>

#include "tests/transport/pool_fixture.h"

namespace userclient::testing {
namespace {

class WaitReadyTest : public PoolTest {
 protected:
  /// Blocks until the channel has tried in vain, so that whoever waits for it really waits.
  static bool AwaitFailure(const ChannelPool& pool) {
    return Eventually([&] { return pool.channels().front().connectivity == GRPC_CHANNEL_TRANSIENT_FAILURE; });
  }
};

TEST_F(WaitReadyTest, ConnectsEveryChannelBeforeTheFirstCall) {
  const auto pool = MakePool({.count = 3});

  EXPECT_TRUE(pool->WaitReady(MuchLater()));

  EXPECT_TRUE(AwaitConnections(3));
  for (const ChannelPool::ChannelState& channel : pool->channels()) EXPECT_EQ(channel.connectivity, GRPC_CHANNEL_READY);
}

TEST_F(WaitReadyTest, IsTrueAtOnceForAPoolThatIsConnectedEvenIfTheDeadlineHasPassed) {
  const auto pool = MakePool({.count = 2});
  ASSERT_TRUE(pool->WaitReady(MuchLater()));

  EXPECT_TRUE(pool->WaitReady(ChannelPool::TimePoint::min()));
}

TEST_F(WaitReadyTest, WaitsForAServerThatStartsLater) {
  server_->Stop();
  const auto pool = MakePool({.count = 2});
  std::future<bool> ready = std::async(std::launch::async, [&] { return pool->WaitReady(MuchLater()); });
  ASSERT_TRUE(AwaitFailure(*pool));

  ASSERT_TRUE(server_->Restart().ok());

  EXPECT_TRUE(ready.get());
  EXPECT_TRUE(AwaitConnections(2));
}

TEST_F(WaitReadyTest, GivesUpAtTheDeadlineWhenThereIsNoServer) {
  server_->Stop();
  const auto pool = MakePool({});
  const ChannelPool::TimePoint deadline = Soon();

  EXPECT_FALSE(pool->WaitReady(deadline));

  EXPECT_GE(ChannelPool::Clock::now(), deadline);
}

TEST_F(WaitReadyTest, GivesUpAtTheDeadlineWhenTheNameCannotBeResolved) {
  // The name server is a port of this machine where nobody listens.
  const auto pool = MakePool({.target = "dns://127.0.0.1:1/users.test:50051"});
  const ChannelPool::TimePoint deadline = Soon();

  EXPECT_FALSE(pool->WaitReady(deadline));

  EXPECT_GE(ChannelPool::Clock::now(), deadline);
}

TEST_F(WaitReadyTest, EndsWhenAStopIsRequested) {
  server_->Stop();
  const auto pool = MakePool({});
  std::stop_source stop;
  std::future<bool> ready =
      std::async(std::launch::async, [&] { return pool->WaitReady(ChannelPool::TimePoint::max(), stop.get_token()); });
  ASSERT_TRUE(AwaitFailure(*pool));

  stop.request_stop();

  EXPECT_FALSE(ready.get());
}

TEST_F(WaitReadyTest, EndsWhenThePoolIsShutDown) {
  server_->Stop();
  const auto pool = MakePool({});
  std::future<bool> ready = std::async(std::launch::async, [&] { return pool->WaitReady(ChannelPool::TimePoint::max()); });
  ASSERT_TRUE(AwaitFailure(*pool));

  pool->Shutdown();

  EXPECT_FALSE(ready.get());
}

TEST_F(WaitReadyTest, IsFalseForAPoolThatIsShutDown) {
  const auto pool = MakePool({});
  ASSERT_TRUE(pool->WaitReady(MuchLater()));

  pool->Shutdown();

  EXPECT_FALSE(pool->WaitReady(ChannelPool::TimePoint::max()));
}

}  // namespace
}  // namespace userclient::testing
