#include "discovery/endpoint_history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace userclient::internal {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Duration = EndpointHistory::Duration;
using Finding = FamilyAnswer::Finding;
using TimePoint = EndpointHistory::TimePoint;

constexpr TimePoint kNow{};
constexpr double kNoJitter = 0.5;

FamilyAnswer Addresses(std::vector<std::string> addresses) {
  return {.finding = Finding::kAddresses, .addresses = std::move(addresses)};
}
FamilyAnswer NoAddress() { return {.finding = Finding::kNoAddress, .status = absl::NotFoundError("no address")}; }
FamilyAnswer NoName() { return {.finding = Finding::kNoName, .status = absl::NotFoundError("no name")}; }
FamilyAnswer Failed() { return {.finding = Finding::kFailed, .status = absl::UnavailableError("broken")}; }

DnsAnswer Ipv4(std::vector<std::string> addresses) { return {.ipv4 = Addresses(std::move(addresses)), .ipv6 = NoAddress()}; }

EndpointNews Note(EndpointHistory& history, const DnsAnswer& answer) { return history.Note(answer, kNow, kNow, kNoJitter).news; }

/// How long after `kNow` the next lookup is due.
Duration Wait(EndpointHistory& history, const DnsAnswer& answer, double random = kNoJitter) {
  return history.Note(answer, kNow, kNow, random).next - kNow;
}

const DnsAnswer kFailure = {.ipv4 = Failed(), .ipv6 = Failed()};

// ---- The set

TEST(EndpointHistoryTest, TheFirstAnswerIsNoChange) {
  EndpointHistory history(5s);

  EXPECT_EQ(Note(history, Ipv4({"10.0.0.1"})), EndpointNews::kFirst);
  EXPECT_THAT(history.endpoints().ipv4, ElementsAre("10.0.0.1"));
  EXPECT_EQ(history.changes(), 0);
}

TEST(EndpointHistoryTest, TheSameAnswerIsNewsOnceAndThenNone) {
  EndpointHistory history(5s);
  Note(history, Ipv4({"10.0.0.1"}));

  EXPECT_EQ(Note(history, Ipv4({"10.0.0.1"})), EndpointNews::kConfirmed);
  EXPECT_EQ(Note(history, Ipv4({"10.0.0.1"})), EndpointNews::kNone);
  EXPECT_EQ(history.lookups(), 3);
}

TEST(EndpointHistoryTest, AnAddressMoreOrLessIsAChange) {
  EndpointHistory history(5s);
  Note(history, Ipv4({"10.0.0.1"}));

  EXPECT_EQ(Note(history, Ipv4({"10.0.0.1", "10.0.0.2"})), EndpointNews::kChanged);
  EXPECT_EQ(Note(history, Ipv4({"10.0.0.2"})), EndpointNews::kChanged);
  EXPECT_THAT(history.endpoints().ipv4, ElementsAre("10.0.0.2"));
  EXPECT_EQ(history.changes(), 2);
}

TEST(EndpointHistoryTest, AChangeIsConfirmedOnce) {
  EndpointHistory history(5s);
  Note(history, Ipv4({"10.0.0.1"}));
  Note(history, Ipv4({"10.0.0.2"}));

  EXPECT_EQ(Note(history, Ipv4({"10.0.0.2"})), EndpointNews::kConfirmed);
  EXPECT_EQ(Note(history, Ipv4({"10.0.0.2"})), EndpointNews::kNone);
  EXPECT_EQ(history.changes(), 1);
}

TEST(EndpointHistoryTest, AFailureDoesNotConfirmAChange) {
  EndpointHistory history(5s);
  Note(history, Ipv4({"10.0.0.1"}));
  Note(history, Ipv4({"10.0.0.2"}));

  EXPECT_EQ(Note(history, kFailure), EndpointNews::kFailed);
  EXPECT_EQ(Note(history, Ipv4({"10.0.0.2"})), EndpointNews::kConfirmed);
}

TEST(EndpointHistoryTest, AChangeThatIsTakenBackIsAChange) {
  EndpointHistory history(5s);
  Note(history, Ipv4({"10.0.0.1"}));
  Note(history, Ipv4({"10.0.0.2"}));

  EXPECT_EQ(Note(history, Ipv4({"10.0.0.1"})), EndpointNews::kChanged);
  EXPECT_EQ(Note(history, Ipv4({"10.0.0.1"})), EndpointNews::kConfirmed);
}

class NoAnswerTest : public ::testing::TestWithParam<DnsAnswer> {};

TEST_P(NoAnswerTest, LeavesTheEndpointsAsTheyWere) {
  EndpointHistory history(5s);
  Note(history, Ipv4({"10.0.0.1"}));

  EXPECT_EQ(Note(history, GetParam()), EndpointNews::kFailed);

  EXPECT_THAT(history.endpoints().ipv4, ElementsAre("10.0.0.1"));
  EXPECT_FALSE(history.failure().ok());
  EXPECT_EQ(history.last_success(), kNow);
  EXPECT_EQ(history.changes(), 0);
}

INSTANTIATE_TEST_SUITE_P(All, NoAnswerTest,
                         ::testing::Values(DnsAnswer{.ipv4 = NoAddress(), .ipv6 = NoAddress()},
                                           DnsAnswer{.ipv4 = NoName(), .ipv6 = NoName()},
                                           DnsAnswer{.ipv4 = Failed(), .ipv6 = Failed()},
                                           DnsAnswer{.ipv4 = Failed(), .ipv6 = NoAddress()},
                                           DnsAnswer{.ipv4 = NoAddress(), .ipv6 = Failed()}));

TEST(EndpointHistoryTest, AFailureBeforeTheFirstAnswerIsNoAnswer) {
  EndpointHistory history(5s);

  EXPECT_EQ(Note(history, kFailure), EndpointNews::kFailed);
  EXPECT_FALSE(history.last_success());
  EXPECT_EQ(Note(history, Ipv4({"10.0.0.1"})), EndpointNews::kFirst);
  EXPECT_TRUE(history.failure().ok());
}

TEST(EndpointHistoryTest, AFamilyThatCouldNotBeAskedKeepsItsAddresses) {
  EndpointHistory history(5s);
  Note(history, {.ipv4 = Addresses({"10.0.0.1"}), .ipv6 = Addresses({"fd00::1"})});
  Note(history, {.ipv4 = Addresses({"10.0.0.1"}), .ipv6 = Addresses({"fd00::1"})});

  EXPECT_EQ(Note(history, {.ipv4 = Addresses({"10.0.0.1"}), .ipv6 = Failed()}), EndpointNews::kNone);
  EXPECT_EQ(Note(history, {.ipv4 = Addresses({"10.0.0.2"}), .ipv6 = Failed()}), EndpointNews::kChanged);
  EXPECT_THAT(history.endpoints().ipv4, ElementsAre("10.0.0.2"));
  EXPECT_THAT(history.endpoints().ipv6, ElementsAre("fd00::1"));
}

TEST(EndpointHistoryTest, AFamilyThatIsEmptyLosesItsAddressesIfTheOtherHasAny) {
  EndpointHistory history(5s);
  Note(history, {.ipv4 = Addresses({"10.0.0.1"}), .ipv6 = Addresses({"fd00::1"})});

  EXPECT_EQ(Note(history, {.ipv4 = NoAddress(), .ipv6 = Addresses({"fd00::1"})}), EndpointNews::kChanged);
  EXPECT_THAT(history.endpoints().ipv4, IsEmpty());
}

// ---- The next lookup

TEST(EndpointHistoryTest, LooksEveryIntervalGiveOrTakeAFifth) {
  EndpointHistory history(5s);

  EXPECT_EQ(Wait(history, Ipv4({"10.0.0.1"}), 0.0), 4s);
  EXPECT_EQ(Wait(history, Ipv4({"10.0.0.1"}), 0.5), 5s);
  EXPECT_LT(Wait(history, Ipv4({"10.0.0.1"}), 0.999'999), 6s);
  EXPECT_GT(Wait(history, Ipv4({"10.0.0.1"}), 0.999'999), 5'999ms);
}

TEST(EndpointHistoryTest, TheIntervalCountsFromTheBeginningOfALookup) {
  EndpointHistory history(5s);

  EXPECT_EQ(history.Note(Ipv4({"10.0.0.1"}), kNow, kNow + 2s, kNoJitter).next, kNow + 5s);
  EXPECT_EQ(history.Note(Ipv4({"10.0.0.1"}), kNow, kNow + 8s, kNoJitter).next, kNow + 8s);
}

TEST(EndpointHistoryTest, LooksLessAndLessOftenWhileItFails) {
  EndpointHistory history(5s);

  std::vector<Duration> waits;
  for (int i = 0; i < 8; ++i) waits.push_back(Wait(history, kFailure));

  EXPECT_THAT(waits, ElementsAre(1s, 2s, 4s, 8s, 16s, 30s, 30s, 30s));
}

TEST(EndpointHistoryTest, AShortIntervalIsAlsoTheFirstBackoff) {
  EndpointHistory history(100ms);

  EXPECT_EQ(Wait(history, kFailure), 100ms);
  EXPECT_EQ(Wait(history, kFailure), 200ms);
}

TEST(EndpointHistoryTest, ALongIntervalIsAlsoTheLongestBackoff) {
  EndpointHistory history(60s);

  std::vector<Duration> waits;
  for (int i = 0; i < 8; ++i) waits.push_back(Wait(history, kFailure));

  EXPECT_THAT(waits, ElementsAre(1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s));
}

TEST(EndpointHistoryTest, ASuccessEndsTheBackoff) {
  EndpointHistory history(5s);
  for (int i = 0; i < 5; ++i) Wait(history, kFailure);

  EXPECT_EQ(Wait(history, Ipv4({"10.0.0.1"})), 5s);
  EXPECT_EQ(Wait(history, kFailure), 1s);
}

TEST(EndpointHistoryTest, BacksOffForYearsWithoutOverflow) {
  EndpointHistory history(std::chrono::hours(24 * 365));

  Duration wait{};
  for (int i = 0; i < 10'000; ++i) wait = Wait(history, kFailure);

  EXPECT_EQ(wait, std::chrono::hours(24 * 365));
}

TEST(EndpointHistoryTest, JitterStaysWithinAFifthAndSpreads) {
  EndpointHistory history(5s);
  std::minstd_rand random(1);
  std::uniform_real_distribution<double> uniform;

  Duration shortest = Duration::max();
  Duration longest{};
  for (int i = 0; i < 10'000; ++i) {
    const Duration wait = Wait(history, Ipv4({"10.0.0.1"}), uniform(random));
    shortest = std::min(shortest, wait);
    longest = std::max(longest, wait);
  }

  EXPECT_GE(shortest, 4s);
  EXPECT_LT(shortest, 4'010ms);
  EXPECT_LE(longest, 6s);
  EXPECT_GT(longest, 5'990ms);
}

}  // namespace
}  // namespace userclient::internal
