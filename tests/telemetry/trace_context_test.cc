// W3C trace context: what is one, and what is none.

#include "telemetry/trace_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace userclient::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr char kTraceId[] = "0af7651916cd43dd8448eb211c80319c";
constexpr char kTraceparent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(TraceparentTest, HasTwoIdsAndFlags) {
  const std::optional<Traceparent> parsed = ParseTraceparent(kTraceparent);

  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->trace_id, kTraceId);
  EXPECT_EQ(parsed->parent_id, "b7ad6b7169203331");
  EXPECT_EQ(parsed->flags, 0x01);
  EXPECT_EQ(ParseTraceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-a2")->flags, 0xa2);
}

TEST(TraceparentTest, OfALaterVersionMayBeLonger) {
  EXPECT_TRUE(ParseTraceparent("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
  EXPECT_TRUE(ParseTraceparent("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what the future brings"));
}

class NoTraceparentTest : public ::testing::TestWithParam<const char*> {};

TEST_P(NoTraceparentTest, IsRefused) { EXPECT_FALSE(ParseTraceparent(GetParam())) << GetParam(); }

INSTANTIATE_TEST_SUITE_P(All, NoTraceparentTest,
                         ::testing::Values("", "mine",
                                           // Zeros.
                                           "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                                           "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                                           // No digits, or capital ones.
                                           "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
                                           "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
                                           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333X-01",
                                           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x",
                                           "0g-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                                           // Too short, too long, the dashes elsewhere.
                                           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
                                           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
                                           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
                                           "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more",
                                           "00-0af7651916cd43dd8448eb211c80319cb-7ad6b7169203331-01",
                                           // A version that there will never be.
                                           "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));

TEST(TraceOfTest, JoinsTheListsOfSeveralHeaders) {
  const TraceContext trace = TraceOf(
      {{"tracestate", "a=1"}, {"x-other", "y"}, {"traceparent", kTraceparent}, {"tracestate", ""}, {"tracestate", "b=2"}});

  EXPECT_EQ(trace.traceparent, kTraceparent);
  EXPECT_EQ(trace.tracestate, "a=1,b=2");
}

TEST(TraceOfTest, TwoParentsAreNone) {
  const TraceContext trace = TraceOf({{"traceparent", kTraceparent}, {"traceparent", kTraceparent}, {"tracestate", "a=1"}});

  EXPECT_THAT(trace.traceparent, IsEmpty());
  EXPECT_THAT(trace.tracestate, IsEmpty());
}

TEST(TraceOfTest, AListWithoutAParentIsNone) {
  EXPECT_THAT(TraceOf({{"tracestate", "a=1"}}).tracestate, IsEmpty());
  EXPECT_THAT(TraceOf({{"traceparent", "mine"}, {"tracestate", "a=1"}}).tracestate, IsEmpty());
}

TEST(TraceOfTest, WhatCannotBeSentIsLeftOut) {
  const TraceContext trace = TraceOf({{"traceparent", kTraceparent}, {"tracestate", "a=\n1"}});

  EXPECT_EQ(trace.traceparent, kTraceparent);
  EXPECT_THAT(trace.tracestate, IsEmpty());
  EXPECT_THAT(TraceOf({{"traceparent", std::string("01") + (kTraceparent + 2) + "-\n"}}).traceparent, IsEmpty());
}

constexpr char kOther[] = "00-11111111111111111111111111111111-2222222222222222-01";

TEST(KeepLaterTraceTest, LeavesTheLaterOneAsAWhole) {
  Metadata headers = {{"traceparent", kTraceparent}, {"x-other", "y"}, {"tracestate", "a=1"}, {"traceparent", kOther}};

  KeepLaterTrace(3, headers);

  EXPECT_THAT(headers, ElementsAre(Pair("x-other", "y"), Pair("traceparent", kOther)));
}

TEST(KeepLaterTraceTest, OneThatIsNoneLeavesTheFirst) {
  Metadata headers = {
      {"traceparent", kTraceparent}, {"tracestate", "a=1"}, {"traceparent", "mine"}, {"x-other", "y"}, {"tracestate", "b=2"}};

  KeepLaterTrace(2, headers);

  EXPECT_THAT(headers, ElementsAre(Pair("traceparent", kTraceparent), Pair("tracestate", "a=1"), Pair("x-other", "y")));
}

TEST(KeepLaterTraceTest, WithoutASecondEverythingStays) {
  // Nothing was added; a member of the list was; the first was taken out by whoever added the second.
  Metadata alone = {{"traceparent", kTraceparent}, {"tracestate", "a=1"}};
  Metadata longer = {{"traceparent", kTraceparent}, {"tracestate", "a=1"}, {"tracestate", "b=2"}};
  Metadata replaced = {{"tracestate", "b=2"}, {"baggage", "c=3"}, {"traceparent", kOther}};

  KeepLaterTrace(2, alone);
  KeepLaterTrace(2, longer);
  KeepLaterTrace(2, replaced);

  EXPECT_EQ(alone.size(), 2u);
  EXPECT_EQ(longer.size(), 3u);
  EXPECT_EQ(replaced.size(), 3u);
}

TEST(AppendTraceTest, AddsTheHeadersThatThereAre) {
  Metadata metadata = {{"x-other", "y"}};

  AppendTrace({}, metadata);
  AppendTrace({.traceparent = kTraceparent, .tracestate = ""}, metadata);

  EXPECT_THAT(metadata, ElementsAre(Pair("x-other", "y"), Pair("traceparent", kTraceparent)));
}

}  // namespace
}  // namespace userclient::internal
