// The wire of a FaultProxy by itself: time is an argument, so no test waits.

#include "testing/delay_line.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "userclient/testing/fake_clock.h"

namespace userclient::internal {
namespace {

using testing::FakeClock;
using testing::WireFaults;
using namespace std::chrono_literals;
using Duration = std::chrono::nanoseconds;

constexpr size_t kCapacity = 1'000'000;

/// Takes out what is due.
std::string Take(DelayLine& line, FakeClock::TimePoint now) {
  std::string taken;
  for (std::string_view front = line.Front(now); !front.empty(); front = line.Front(now)) {
    taken += front;
    line.Leave(front.size());
  }
  return taken;
}

/// When each of a hundred pieces is due that enter at once.
std::vector<Duration> DueTimes(uint64_t seed, const WireFaults& faults) {
  const FakeClock clock;
  DelayLine line(seed, kCapacity);
  line.Set(faults);
  std::vector<Duration> due;
  for (int i = 0; i < 100; ++i) {
    line.Enter("x", clock.Now());
    due.push_back(*line.NextDue() - clock.Now());
    line.DropBytes();
  }
  return due;
}

TEST(DelayLineTest, PassesAtOnceWithoutFaults) {
  const FakeClock clock;
  DelayLine line(1, kCapacity);

  line.Enter("a", clock.Now());
  line.Enter("b", clock.Now());

  EXPECT_EQ(Take(line, clock.Now()), "ab");
  EXPECT_EQ(line.NextDue(), std::nullopt);
}

TEST(DelayLineTest, BytesComeOutWhenTheirLatencyIsOver) {
  FakeClock clock;
  DelayLine line(1, kCapacity);
  line.Set({.latency = 100ms});
  line.Enter("a", clock.Now());
  clock.Advance(60ms);
  line.Enter("b", clock.Now());

  clock.Advance(39ms);
  EXPECT_EQ(Take(line, clock.Now()), "");
  EXPECT_EQ(line.NextDue(), clock.Now() + 1ms);

  clock.Advance(1ms);
  EXPECT_EQ(Take(line, clock.Now()), "a");
  clock.Advance(60ms);
  EXPECT_EQ(Take(line, clock.Now()), "b");
}

TEST(DelayLineTest, WhatIsPartlyTakenComesOutInOrder) {
  const FakeClock clock;
  DelayLine line(1, kCapacity);
  line.Enter("abc", clock.Now());

  line.Leave(1);

  EXPECT_EQ(Take(line, clock.Now()), "bc");
}

TEST(DelayLineTest, ANewLatencyHoldsForWhatIsOnItsWay) {
  FakeClock clock;
  DelayLine line(1, kCapacity);
  line.Set({.latency = 1h});
  line.Enter("a", clock.Now());
  clock.Advance(1s);

  line.Set({.latency = 2s});

  EXPECT_EQ(line.NextDue(), clock.Now() + 1s);
}

// Each by itself would take some tens of bytes more than it has.
TEST(DelayLineTest, ManySmallPiecesTravelAsFewAndNoneTooEarly) {
  FakeClock clock;
  const FakeClock::TimePoint begin = clock.Now();
  DelayLine line(1, kCapacity);
  line.Set({.latency = 10s});
  for (int i = 0; i < 10'000; ++i) {
    line.Enter(std::string(1, static_cast<char>('a' + i % 26)), clock.Now());
    clock.Advance(1us);
  }

  clock.AdvanceTo(begin + 10s - 1ns);
  EXPECT_EQ(line.Front(clock.Now()), "");
  clock.AdvanceTo(begin + 10s + 10ms);
  const std::string_view first = line.Front(clock.Now());
  EXPECT_GT(first.size(), 1'000u);
  EXPECT_EQ(first.substr(0, 30), "abcdefghijklmnopqrstuvwxyzabcd");
  EXPECT_EQ(Take(line, clock.Now()).size(), 10'000u);
}

TEST(DelayLineTest, WhatIsDueIsNotHeldUpByWhatComesBehindIt) {
  FakeClock clock;
  DelayLine line(1, kCapacity);
  line.Set({.latency = 1h});
  line.Enter("ab", clock.Now());
  clock.Advance(1s);
  line.Set({.latency = 1s});
  line.Leave(1);

  line.Enter("c", clock.Now());

  EXPECT_EQ(Take(line, clock.Now()), "b");
  clock.Advance(1s);
  EXPECT_EQ(Take(line, clock.Now()), "c");
}

TEST(DelayLineTest, TheLongestLatencyIsForEver) {
  const FakeClock clock;
  DelayLine line(1, kCapacity);
  line.Set({.latency = Duration::max(), .jitter = Duration::max()});

  line.Enter("a", clock.Now());

  EXPECT_EQ(line.NextDue(), FakeClock::TimePoint::max());
}

TEST(DelayLineTest, JitterIsWithinItsBoundsAndFillsThem) {
  const std::vector<Duration> due = DueTimes(1, {.latency = 10ms, .jitter = 5ms});

  const auto [least, most] = std::minmax_element(due.begin(), due.end());
  EXPECT_GE(*least, 10ms);
  EXPECT_LE(*most, 15ms);
  EXPECT_LT(*least, 11ms);
  EXPECT_GT(*most, 14ms);
}

TEST(DelayLineTest, JitterIsThatOfTheSeed) {
  const WireFaults faults = {.jitter = 5ms};

  EXPECT_EQ(DueTimes(1, faults), DueTimes(1, faults));
  EXPECT_NE(DueTimes(1, faults), DueTimes(2, faults));
}

TEST(DelayLineTest, JitterLetsNothingOvertake) {
  FakeClock clock;
  DelayLine line(1, kCapacity);
  line.Set({.jitter = 100ms});
  std::string entered;
  std::string taken;

  for (int i = 0; i < 500; ++i) {
    const std::string piece(1, static_cast<char>('a' + i % 26));
    line.Enter(piece, clock.Now());
    entered += piece;
    clock.Advance(1ms);
    taken += Take(line, clock.Now());
  }
  clock.Advance(100ms);
  taken += Take(line, clock.Now());

  EXPECT_EQ(taken, entered);
}

TEST(DelayLineTest, TakesNoMoreThanItsCapacity) {
  FakeClock clock;
  DelayLine line(1, 100);
  line.Set({.latency = 1s});
  line.Enter(std::string(90, 'x'), clock.Now());
  EXPECT_EQ(line.Room(clock.Now()), 10u);
  line.Enter(std::string(10, 'x'), clock.Now());
  EXPECT_EQ(line.Room(clock.Now()), 0u);

  clock.Advance(1s);
  line.Leave(30);

  EXPECT_EQ(line.Room(clock.Now()), 30u);
}

// Reads as a proxy does: as much as there is room for, whenever there is.
TEST(DelayLineTest, PassesSoManyBytesASecond) {
  FakeClock clock;
  const FakeClock::TimePoint begin = clock.Now();
  DelayLine line(1, kCapacity);
  line.Set({.bytes_per_second = 200'000});

  size_t passed = 0;
  while (clock.Now() < begin + 10s) {
    const size_t room = line.Room(clock.Now());
    if (room > 0) line.Enter(std::string(room, 'x'), clock.Now());
    passed += Take(line, clock.Now()).size();
    clock.Advance(1ms);
  }

  EXPECT_NEAR(static_cast<double>(passed), 2'000'000, 5'000);
}

TEST(DelayLineTest, ASlowWireTakesByteAfterByte) {
  FakeClock clock;
  DelayLine line(1, kCapacity);
  line.Set({.bytes_per_second = 10});

  EXPECT_EQ(line.Room(clock.Now()), 1u);
  line.Enter("a", clock.Now());
  EXPECT_EQ(line.Room(clock.Now()), 0u);

  ASSERT_NE(line.NextRoom(clock.Now()), std::nullopt);
  clock.AdvanceTo(*line.NextRoom(clock.Now()));
  EXPECT_EQ(line.Room(clock.Now()), 1u);
  EXPECT_LE(clock.Now() - FakeClock().Now(), 100ms);
}

TEST(DelayLineTest, AWiderWireForgetsTheDebt) {
  const FakeClock clock;
  DelayLine line(1, kCapacity);
  line.Set({.bytes_per_second = 1});
  line.Enter("a", clock.Now());
  ASSERT_EQ(line.Room(clock.Now()), 0u);

  line.Set({.bytes_per_second = 1'000'000});

  EXPECT_GT(line.Room(clock.Now()), 0u);
}

TEST(DelayLineTest, TheEndIsBehindTheBytesAndTakesAsLong) {
  FakeClock clock;
  DelayLine line(1, kCapacity);
  line.Set({.latency = 100ms});
  line.Enter("a", clock.Now());
  clock.Advance(50ms);
  line.EnterEnd(End::kFin, clock.Now());

  clock.Advance(50ms);
  EXPECT_EQ(line.DueEnd(clock.Now()), End::kNone);
  EXPECT_EQ(Take(line, clock.Now()), "a");
  EXPECT_EQ(line.DueEnd(clock.Now()), End::kNone);

  clock.Advance(50ms);
  EXPECT_EQ(line.DueEnd(clock.Now()), End::kFin);
}

TEST(DelayLineTest, AResetReplacesAFinAndNothingReplacesAReset) {
  const FakeClock clock;
  DelayLine line(1, kCapacity);

  line.EnterEnd(End::kFin, clock.Now());
  line.EnterEnd(End::kReset, clock.Now());
  line.EnterEnd(End::kFin, clock.Now());

  EXPECT_EQ(line.DueEnd(clock.Now()), End::kReset);
}

TEST(DelayLineTest, SaysHowMuchItHasDropped) {
  const FakeClock clock;
  DelayLine line(1, kCapacity);
  line.Enter("abc", clock.Now());
  line.Leave(1);
  line.Enter("de", clock.Now());

  EXPECT_EQ(line.DropBytes(), 4u);
  EXPECT_TRUE(line.empty());
  line.Enter("f", clock.Now());
  EXPECT_EQ(Take(line, clock.Now()), "f");
}

}  // namespace
}  // namespace userclient::internal
