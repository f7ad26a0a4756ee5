// What holds a channel alive, with stubs that are only watched. No gRPC channel is made.

#include "transport/pool_member.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace userclient::internal {
namespace {

using ::testing::Optional;

std::shared_ptr<void> AnyStub() { return std::make_shared<int>(0); }

/// Deletes itself with the test, like a pool would.
struct AbandonMember {
  void operator()(PoolMember* member) const { member->Abandon(); }
};
using OwnedMember = std::unique_ptr<PoolMember, AbandonMember>;

OwnedMember OpenMember(std::shared_ptr<void> stub) {
  OwnedMember member(new PoolMember);
  member->Fill({.stub = std::move(stub)});
  member->Open();
  return member;
}

TEST(PoolMemberTest, CountsTheCallersInside) {
  const OwnedMember member = OpenMember(AnyStub());

  EXPECT_THAT(member->Enter(), Optional(0u));
  EXPECT_THAT(member->Enter(), Optional(1u));
  EXPECT_EQ(member->callers(), 2u);
  member->Leave();
  member->Leave();
  EXPECT_EQ(member->callers(), 0u);
}

TEST(PoolMemberTest, LetsNobodyInBeforeItIsOpen) {
  const OwnedMember member(new PoolMember);

  EXPECT_EQ(member->Enter(), std::nullopt);
  member->Fill({.stub = AnyStub()});
  EXPECT_EQ(member->Enter(), std::nullopt);
  member->Close();
}

TEST(PoolMemberTest, LetsNobodyInAfterItIsClosed) {
  const OwnedMember member = OpenMember(AnyStub());

  member->Close();

  EXPECT_EQ(member->Enter(), std::nullopt);
  EXPECT_TRUE(member->vacant());
}

TEST(PoolMemberTest, TheLastToLeaveAClosedMemberDestroysTheChannel) {
  std::shared_ptr<void> stub = AnyStub();
  const std::weak_ptr<void> watched = stub;
  const OwnedMember member = OpenMember(std::move(stub));
  member->Enter();
  member->Enter();

  member->Close();
  member->Leave();
  EXPECT_FALSE(watched.expired());
  EXPECT_FALSE(member->vacant());

  member->Leave();
  EXPECT_TRUE(watched.expired());
  EXPECT_TRUE(member->vacant());
}

TEST(PoolMemberTest, AMemberThatNeverOpenedLosesItsChannelWhenItIsClosed) {
  std::shared_ptr<void> stub = AnyStub();
  const std::weak_ptr<void> watched = stub;
  const OwnedMember member(new PoolMember);
  member->Fill({.stub = std::move(stub)});

  member->Close();

  EXPECT_TRUE(watched.expired());
  EXPECT_TRUE(member->vacant());
}

TEST(PoolMemberTest, AVacantMemberTakesAnotherChannel) {
  const OwnedMember member = OpenMember(AnyStub());
  member->Close();

  const std::shared_ptr<void> second = AnyStub();
  member->Fill({.stub = second});
  member->Open();

  ASSERT_TRUE(member->Enter());
  EXPECT_EQ(member->channel().stub, second);
  member->Leave();
}

TEST(PoolMemberTest, CallersInsideKeepTheChannelOfAnAbandonedMember) {
  std::shared_ptr<void> stub = AnyStub();
  const std::weak_ptr<void> watched = stub;
  PoolMember* const member = OpenMember(std::move(stub)).release();
  member->Enter();

  member->Abandon();
  EXPECT_FALSE(watched.expired());

  member->Leave();  // Deletes the member; the leak checker is the witness.
  EXPECT_TRUE(watched.expired());
}

// Every stub holds its own generation; a caller that found a destroyed or changed one would read another number.
TEST(PoolMemberTest, CallersAlwaysMeetALivingChannelWhileItIsReplaced) {
  constexpr int kGenerations = 2'000;
  const OwnedMember member = OpenMember(std::make_shared<int>(0));
  std::atomic<bool> done = false;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      while (!done) {
        if (!member->Enter()) continue;
        const auto* stub = static_cast<const int*>(member->channel().stub.get());
        const int first = stub != nullptr ? *stub : -1;
        if (first < 0 || stub != member->channel().stub.get() || *stub != first) ++wrong;
        member->Leave();
      }
    });
  }

  for (int generation = 1; generation <= kGenerations; ++generation) {
    member->Close();
    while (!member->vacant()) std::this_thread::yield();
    member->Fill({.stub = std::make_shared<int>(generation)});
    member->Open();
  }
  done = true;
  for (std::thread& caller : callers) caller.join();

  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(member->callers(), 0u);
}

}  // namespace
}  // namespace userclient::internal
