#include "policy/stale_cache.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace userclient::internal {
namespace {

using namespace std::chrono_literals;

const TimePoint kNow = TimePoint(1h);

/// Room for so many answers with a key of one letter and ten bytes.
StaleIfErrorOptions RoomFor(int answers) { return {.max_age = 5min, .max_bytes = answers * (StaleCache::kOverhead + 1 + 10)}; }

const std::string kTenBytes = "0123456789";

TEST(StaleCacheTest, KnowsNothingThatItWasNotTold) {
  StaleCache cache({});
  cache.Put("a", "answer", kNow);

  EXPECT_FALSE(cache.Find("b", kNow));
}

TEST(StaleCacheTest, GivesTheLastAnswerAndItsAge) {
  StaleCache cache({});
  cache.Put("a", "old", kNow);
  cache.Put("a", "new", kNow + 2s);

  const auto found = cache.Find("a", kNow + 5s);

  ASSERT_TRUE(found);
  EXPECT_EQ(found->bytes, "new");
  EXPECT_EQ(found->age, 3s);
}

TEST(StaleCacheTest, AnAnswerThatComesLateDoesNotReplaceANewerOne) {
  StaleCache cache({});
  cache.Put("a", "new", kNow + 1s);
  cache.Put("a", "old", kNow);

  EXPECT_EQ(cache.Find("a", kNow + 1s)->bytes, "new");
}

TEST(StaleCacheTest, NeverGivesAnAnswerThatIsTooOld) {
  StaleCache cache({.max_age = 10s});
  cache.Put("a", "answer", kNow);

  EXPECT_TRUE(cache.Find("a", kNow + 10s));
  EXPECT_FALSE(cache.Find("a", kNow + 10s + 1ns));
  EXPECT_EQ(cache.bytes(), 0) << "nobody will ask for it again";
}

TEST(StaleCacheTest, TheAnswerThatWasNotUsedForLongestMakesRoom) {
  StaleCache cache(RoomFor(2));
  cache.Put("a", kTenBytes, kNow);
  cache.Put("b", kTenBytes, kNow);
  EXPECT_TRUE(cache.Find("a", kNow));

  cache.Put("c", kTenBytes, kNow);

  EXPECT_TRUE(cache.Find("a", kNow));
  EXPECT_FALSE(cache.Find("b", kNow));
  EXPECT_TRUE(cache.Find("c", kNow));
}

TEST(StaleCacheTest, AnAnswerThatIsGivenAgainIsUsedToo) {
  StaleCache cache(RoomFor(2));
  cache.Put("a", kTenBytes, kNow);
  cache.Put("b", kTenBytes, kNow);
  cache.Put("a", kTenBytes, kNow);

  cache.Put("c", kTenBytes, kNow);

  EXPECT_TRUE(cache.Find("a", kNow));
  EXPECT_FALSE(cache.Find("b", kNow));
}

TEST(StaleCacheTest, CountsKeysAnswersAndOverhead) {
  StaleCache cache({});

  cache.Put("key", "answer", kNow);
  EXPECT_EQ(cache.bytes(), 3 + 6 + StaleCache::kOverhead);

  cache.Put("key", "longer answer", kNow);
  EXPECT_EQ(cache.bytes(), 3 + 13 + StaleCache::kOverhead);
}

TEST(StaleCacheTest, NeverHoldsMoreThanItMay) {
  const StaleIfErrorOptions options = {.max_age = 5min, .max_bytes = 4096};
  StaleCache cache(options);

  for (int i = 0; i < 1000; ++i) {
    cache.Put(std::to_string(i), std::string(static_cast<size_t>(i), 'x'), kNow);
    ASSERT_LE(cache.bytes(), options.max_bytes);
  }

  EXPECT_TRUE(cache.Find("999", kNow));
}

TEST(StaleCacheTest, WhatIsLargerThanTheCacheIsNotKeptAndPushesNothingOut) {
  StaleCache cache(RoomFor(2));
  cache.Put("a", kTenBytes, kNow);
  cache.Put("b", kTenBytes, kNow);

  cache.Put("b", std::string(4096, 'x'), kNow);

  EXPECT_TRUE(cache.Find("a", kNow));
  EXPECT_FALSE(cache.Find("b", kNow)) << "it is not the last answer any more";
}

TEST(StaleCacheTest, KeysAreBytes) {
  StaleCache cache({});
  cache.Put(std::string("a\0b", 3), "answer", kNow);

  EXPECT_TRUE(cache.Find(std::string("a\0b", 3), kNow));
  EXPECT_FALSE(cache.Find("a", kNow));
}

TEST(StaleCacheTest, KeepsWhatNewLimitsAllow) {
  StaleCache cache(RoomFor(3));
  cache.Put("a", "1", kNow);
  cache.Put("b", "2", kNow);
  cache.Put("c", "3", kNow + 10s);
  StaleIfErrorOptions options = RoomFor(2);
  options.max_age = 5s;

  cache.SetOptions(options);

  EXPECT_LE(cache.bytes(), options.max_bytes);
  EXPECT_FALSE(cache.Find("a", kNow + 12s)) << "the one used longest ago makes room";
  EXPECT_FALSE(cache.Find("b", kNow + 12s)) << "too old now";
  EXPECT_TRUE(cache.Find("c", kNow + 12s));
}

TEST(StaleCacheTest, IsThreadSafe) {
  const StaleIfErrorOptions options = RoomFor(8);
  StaleCache cache(options);
  std::vector<std::thread> threads;

  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&cache] {
      for (int i = 0; i < 5000; ++i) {
        const std::string key(1, static_cast<char>('a' + i % 16));
        cache.Put(key, key, kNow);
        const auto found = cache.Find(key, kNow);
        ASSERT_TRUE(!found || found->bytes == key);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  EXPECT_LE(cache.bytes(), options.max_bytes);
}

}  // namespace
}  // namespace userclient::internal
