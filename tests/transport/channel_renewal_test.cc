#include <algorithm>
#include <atomic>
#include <thread>

#include "tests/transport/pool_fixture.h"

namespace userclient::testing {
namespace {

using namespace std::chrono_literals;

/// With it a channel is READY only if the server has a service of this name, and says that it is well.
constexpr char kAsksForNobodysHealth[] =
    R"({"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": "nobody.v1.Nothing"}})";

class ChannelRenewalTest : public PoolTest {
 protected:
  static const grpc::Channel* ChannelOf(ChannelPool& pool) { return pool.Take()->channel.get(); }

  static bool Renewed(ChannelPool& pool) {
    return Eventually([&] { return pool.CarryOnRenewal(); });
  }
};

TEST_F(ChannelRenewalTest, KeepsTheLivingConnections) {
  const auto pool = MakePool({.count = 2});
  ASSERT_TRUE(pool->WaitReady(MuchLater()));
  ASSERT_TRUE(AwaitConnections(2));
  const std::vector<const grpc::Channel*> old = {ChannelOf(*pool), ChannelOf(*pool)};

  pool->Renew(pool->spec());

  ASSERT_TRUE(Renewed(*pool));
  EXPECT_EQ(std::find(old.begin(), old.end(), ChannelOf(*pool)), old.end());
  EXPECT_TRUE(GetUser(pool->Take()).ok());
  EXPECT_TRUE(GetUser(pool->Take()).ok());
  EXPECT_TRUE(AwaitConnections(2));
}

TEST_F(ChannelRenewalTest, ReplacesAtOnceWhatNobodyHasUsedAndConnectsNothing) {
  const auto pool = MakePool({.count = 1});
  const grpc::Channel* const old = ChannelOf(*pool);

  pool->Renew(pool->spec());

  EXPECT_TRUE(pool->CarryOnRenewal());
  EXPECT_NE(ChannelOf(*pool), old);
  EXPECT_EQ(pool->channels()[0].connectivity, GRPC_CHANNEL_IDLE);
}

TEST_F(ChannelRenewalTest, GoesOnOverTheOldChannelUntilTheNewOneIsReady) {
  const auto pool = MakePool({.count = 1});
  ASSERT_TRUE(pool->WaitReady(MuchLater()));
  ChannelSpec never_ready = pool->spec();
  never_ready.service_config_json = kAsksForNobodysHealth;

  pool->Renew(never_ready);

  // As long as it takes the new channel to find out, and some more looks.
  for (int looks = 0; looks < 20; ++looks) {
    EXPECT_FALSE(pool->CarryOnRenewal());
    EXPECT_TRUE(GetUser(pool->Take()).ok());
  }
}

// The new one may be made of credentials that the server does not take.
TEST_F(ChannelRenewalTest, AServerThatIsJustAwayIsNoReasonToGiveUpTheOldChannel) {
  const auto pool = MakePool({.count = 1});
  ASSERT_TRUE(pool->WaitReady(MuchLater()));
  ChannelSpec never_ready = pool->spec();
  never_ready.service_config_json = kAsksForNobodysHealth;
  pool->Renew(never_ready);

  ASSERT_TRUE(server_->Restart().ok());

  EXPECT_TRUE(Eventually([&] {
    EXPECT_FALSE(pool->CarryOnRenewal());
    return GetUser(pool->Take()).ok();
  }));
}

TEST_F(ChannelRenewalTest, ComesIntoUseWhenTheServerIsBack) {
  const auto pool = MakePool({.count = 1});
  ASSERT_TRUE(pool->WaitReady(MuchLater()));
  server_->Stop();
  ASSERT_TRUE(Eventually([&] { return pool->channels()[0].connectivity != GRPC_CHANNEL_READY; }));
  pool->Renew(pool->spec());

  ASSERT_TRUE(server_->Restart().ok());

  EXPECT_TRUE(Renewed(*pool));
  EXPECT_TRUE(pool->WaitReady(MuchLater()));
}

TEST_F(ChannelRenewalTest, TheNextOneTakesThePlaceOfOneThatIsNotDone) {
  const auto pool = MakePool({.count = 1});
  ASSERT_TRUE(pool->WaitReady(MuchLater()));
  const ChannelSpec sound = pool->spec();
  ChannelSpec never_ready = sound;
  never_ready.service_config_json = kAsksForNobodysHealth;
  pool->Renew(never_ready);
  ASSERT_FALSE(pool->CarryOnRenewal());

  pool->Renew(sound);

  EXPECT_TRUE(Renewed(*pool));
  EXPECT_EQ(pool->spec(), sound);
}

TEST_F(ChannelRenewalTest, CallsInFlightFinishWhereTheyBegan) {
  const auto pool = MakePool({.count = 1});
  ASSERT_TRUE(pool->WaitReady(MuchLater()));
  server_->Script("GetUser", {Delay(300ms)});
  grpc::Status status(grpc::StatusCode::UNKNOWN, "not yet");
  std::thread caller([&] { status = GetUser(pool->Take()); });
  ASSERT_TRUE(server_->AwaitAttempts("GetUser", 1));

  pool->Renew(pool->spec());
  const bool renewed = Renewed(*pool);
  caller.join();

  EXPECT_TRUE(renewed);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(server_->attempts("GetUser"), 1);
}

TEST_F(ChannelRenewalTest, MakesMoreChannels) {
  const auto pool = MakePool({.count = 1});
  ASSERT_TRUE(pool->WaitReady(MuchLater()));
  ChannelSpec more = pool->spec();
  more.count = 3;
  more.max_count = 3;

  pool->Renew(more);

  ASSERT_TRUE(Renewed(*pool));
  EXPECT_EQ(pool->size(), 3);
  EXPECT_TRUE(AwaitConnections(3));
}

TEST_F(ChannelRenewalTest, ClosesThoseThatAreTooMany) {
  const auto pool = MakePool({.count = 3});
  ASSERT_TRUE(pool->WaitReady(MuchLater()));
  ChannelSpec fewer = pool->spec();
  fewer.count = 1;
  fewer.max_count = 1;

  pool->Renew(fewer);

  ASSERT_TRUE(Renewed(*pool));
  EXPECT_EQ(pool->size(), 1);
  EXPECT_TRUE(AwaitConnections(1));
  EXPECT_TRUE(GetUser(pool->Take()).ok());
}

TEST_F(ChannelRenewalTest, IsOverWhenThePoolIsShutDown) {
  const auto pool = MakePool({.count = 1});
  ASSERT_TRUE(pool->WaitReady(MuchLater()));
  ChannelSpec never_ready = pool->spec();
  never_ready.service_config_json = kAsksForNobodysHealth;
  pool->Renew(never_ready);
  ASSERT_FALSE(pool->CarryOnRenewal());

  pool->Shutdown();

  EXPECT_TRUE(pool->CarryOnRenewal());
  pool->Renew(never_ready);
  EXPECT_TRUE(pool->CarryOnRenewal());
  EXPECT_TRUE(GetUser(pool->Take()).ok());
}

TEST_F(ChannelRenewalTest, ClientsOfOneProcessShareNoConnection) {
  const auto mine = MakePool({.client_number = 1, .count = 1});
  const auto yours = MakePool({.client_number = 2, .count = 1});

  ASSERT_TRUE(mine->WaitReady(MuchLater()));
  ASSERT_TRUE(yours->WaitReady(MuchLater()));

  EXPECT_TRUE(AwaitConnections(2));
}

// Nobody may be given a channel that is gone, whatever the order.
TEST_F(ChannelRenewalTest, FailsNoCallUnderLoad) {
  const auto pool = MakePool({.count = 2, .max_count = 4, .grow_at = 2});
  ASSERT_TRUE(pool->WaitReady(MuchLater()));
  std::atomic<bool> stop{false};
  std::atomic<int> calls{0};
  std::atomic<int> failures{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      while (!stop) {
        if (!GetUser(pool->Take()).ok()) ++failures;
        ++calls;
      }
    });
  }

  int renewals = 0;
  const bool enough = Eventually([&] {
    pool->Renew(pool->spec());
    if (Renewed(*pool)) ++renewals;
    return renewals >= 100 && calls >= 100;
  });
  stop = true;
  for (std::thread& caller : callers) caller.join();

  EXPECT_TRUE(enough) << renewals << " renewals beside " << calls << " calls";
  EXPECT_EQ(failures, 0);
}

}  // namespace
}  // namespace userclient::testing
