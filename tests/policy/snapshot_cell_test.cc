#include "policy/snapshot_cell.h"

#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace userclient::internal {
namespace {

TEST(SnapshotCellTest, GivesWhatWasSetLast) {
  SnapshotCell<int> cell(std::make_shared<const int>(1));
  EXPECT_EQ(*cell.Get(), 1);

  cell.Set(std::make_shared<const int>(2));

  EXPECT_EQ(*cell.Get(), 2);
}

TEST(SnapshotCellTest, ReadersKeepWhatTheyWereGiven) {
  SnapshotCell<int> cell(std::make_shared<const int>(1));
  const std::shared_ptr<const int> kept = cell.Get();

  cell.Set(std::make_shared<const int>(2));

  EXPECT_EQ(*kept, 1);
}

TEST(SnapshotCellTest, LetsGoOfWhatNobodyReadsAnyMore) {
  auto first = std::make_shared<const int>(1);
  const std::weak_ptr<const int> watched = first;
  SnapshotCell<int> cell(std::move(first));
  std::shared_ptr<const int> reader = cell.Get();

  cell.Set(std::make_shared<const int>(2));
  EXPECT_FALSE(watched.expired());
  reader.reset();

  EXPECT_TRUE(watched.expired());
}

TEST(SnapshotCellTest, NobodySeesHalfOfAChange) {
  struct Pair {
    int a = 0;
    int b = 0;
  };
  SnapshotCell<Pair> cell(std::make_shared<const Pair>());
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const std::shared_ptr<const Pair> pair = cell.Get();
        if (pair->a != pair->b) ++torn;
      }
    });
  }

  for (int i = 1; i <= 2000; ++i) cell.Set(std::make_shared<const Pair>(Pair{.a = i, .b = i}));
  stop = true;
  for (std::thread& reader : readers) reader.join();

  EXPECT_EQ(torn, 0);
  EXPECT_EQ(cell.Get()->a, 2000);
}

}  // namespace
}  // namespace userclient::internal
