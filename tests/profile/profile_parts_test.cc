// The parts of samples/profile_service that need no server.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "failure.h"
#include "inbound.h"
#include "latency_histogram.h"
#include "live_figures.h"
#include "profile_memory.h"
#include "url.h"

namespace profile_service {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Ge;
using ::testing::Le;
using ::testing::Not;
using ::testing::Pair;

int StatusFor(absl::StatusCode code) { return FailureAnswer(absl::Status(code, "because")).status; }

TEST(FailureAnswerTest, EveryCodeHasItsStatus) {
  EXPECT_EQ(StatusFor(absl::StatusCode::kInvalidArgument), 400);
  EXPECT_EQ(StatusFor(absl::StatusCode::kOutOfRange), 400);
  EXPECT_EQ(StatusFor(absl::StatusCode::kNotFound), 404);
  EXPECT_EQ(StatusFor(absl::StatusCode::kAlreadyExists), 409);
  EXPECT_EQ(StatusFor(absl::StatusCode::kAborted), 409);
  EXPECT_EQ(StatusFor(absl::StatusCode::kFailedPrecondition), 409);
  EXPECT_EQ(StatusFor(absl::StatusCode::kUnavailable), 503);
  EXPECT_EQ(StatusFor(absl::StatusCode::kResourceExhausted), 503);
  EXPECT_EQ(StatusFor(absl::StatusCode::kCancelled), 503);
  EXPECT_EQ(StatusFor(absl::StatusCode::kDeadlineExceeded), 504);
  EXPECT_EQ(StatusFor(absl::StatusCode::kUnauthenticated), 502);
  EXPECT_EQ(StatusFor(absl::StatusCode::kPermissionDenied), 502);
  EXPECT_EQ(StatusFor(absl::StatusCode::kUnimplemented), 502);
  EXPECT_EQ(StatusFor(absl::StatusCode::kInternal), 502);
  EXPECT_EQ(StatusFor(absl::StatusCode::kUnknown), 502);
  EXPECT_EQ(StatusFor(absl::StatusCode::kDataLoss), 502);
}

TEST(FailureAnswerTest, TellsTheCallerOnlyWhatTheCallerDidWrong) {
  const Answer wrong = FailureAnswer(absl::InvalidArgumentError("user_id: is too long"));
  const Answer broken = FailureAnswer(absl::InternalError("disk /dev/sdb is full"));

  EXPECT_THAT(wrong.body, ::testing::HasSubstr("user_id: is too long"));
  EXPECT_THAT(broken.body, Not(::testing::HasSubstr("/dev/sdb")));
  EXPECT_EQ(broken.log["error"], "disk /dev/sdb is full");
}

TEST(FailureAnswerTest, WhatIsUnavailableMayBeAskedAgainInASecond) {
  const Answer answer = FailureAnswer(absl::UnavailableError("down"));

  EXPECT_THAT(answer.headers, Contains(Pair("Retry-After", "1")));
}

absl::StatusOr<userclient::CallOptions> OptionsOf(const httplib::Headers& headers, const TimeoutRules& rules = {}) {
  httplib::Request request;
  request.headers = headers;
  return Inbound(request, [] { return false; }).Options(rules, {});
}

constexpr char kTraceparent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(InboundTest, TheHeaderShortensTheTimeout) {
  const auto options = OptionsOf({{"X-Request-Timeout", "30s"}}, {.usual = 1min, .longest = 5min});

  ASSERT_TRUE(options.ok());
  EXPECT_THAT(*options->timeout, AllOf(Le(30s), Ge(20s)));
}

TEST(InboundTest, TheHeaderLengthensTheTimeoutUpToTheLongest) {
  const TimeoutRules rules = {.usual = 1min, .longest = 5min};

  const auto usual = OptionsOf({}, rules);
  const auto longer = OptionsOf({{"X-Request-Timeout", "1h"}}, rules);

  EXPECT_THAT(*usual->timeout, AllOf(Le(60s), Ge(50s)));
  EXPECT_THAT(*longer->timeout, AllOf(Le(300s), Ge(290s)));
}

TEST(InboundTest, OfTwoTimeoutsNobodyKnowsWhichIsMeant) {
  const auto options = OptionsOf({{"X-Request-Timeout", "1s"}, {"X-Request-Timeout", "2s"}});

  EXPECT_TRUE(absl::IsInvalidArgument(options.status()));
}

TEST(InboundTest, AHeaderThatIsNoDurationIsRefused) {
  for (const char* text : {"soon", "", "-1s", "0s", "5"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(OptionsOf({{"X-Request-Timeout", text}}).status())) << text;
  }
}

TEST(InboundTest, TheTraceGoesOn) {
  const auto options = OptionsOf({{"traceparent", kTraceparent}, {"tracestate", "vendor=1"}});

  EXPECT_THAT(options->metadata, Contains(Pair("traceparent", kTraceparent)));
  EXPECT_THAT(options->metadata, Contains(Pair("tracestate", "vendor=1")));
}

TEST(InboundTest, WhatIsNoTraceGoesNowhere) {
  for (const char* text :
       {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x"}) {
    const auto options = OptionsOf({{"traceparent", text}, {"tracestate", "vendor=1"}});

    EXPECT_THAT(options->metadata, Not(Contains(Pair("traceparent", ::testing::_)))) << text;
    EXPECT_THAT(options->metadata, Not(Contains(Pair("tracestate", ::testing::_)))) << text;
  }
}

TEST(InboundTest, StatesOfATraceAreOneList) {
  const auto options =
      OptionsOf({{"traceparent", kTraceparent}, {"tracestate", "one=1,two=2"}, {"tracestate", ""}, {"tracestate", "three=3"}});

  if (kHeadersKeepOrder) {
    EXPECT_THAT(options->metadata, Contains(Pair("tracestate", "one=1,two=2,three=3")));
  } else {
    EXPECT_THAT(options->metadata, Not(Contains(Pair("tracestate", ::testing::_))));
  }
}

TEST(InboundTest, TwoParentsOfATraceAreNone) {
  httplib::Request request;
  request.headers = {{"traceparent", kTraceparent}, {"traceparent", kTraceparent}, {"tracestate", "vendor=1"}};
  const Inbound inbound(request, [] { return false; });

  const auto options = inbound.Options({}, {});

  EXPECT_EQ(inbound.trace_id(), "");
  EXPECT_THAT(options->metadata, Not(Contains(Pair("traceparent", ::testing::_))));
  EXPECT_THAT(options->metadata, Not(Contains(Pair("tracestate", ::testing::_))));
}

TEST(InboundTest, AnIdThatCouldForgeALogIsReplaced) {
  httplib::Request request;
  request.headers = {{"X-Request-Id", "a\" \"b"}};

  const Inbound inbound(request, [] { return false; });

  EXPECT_EQ(inbound.id().size(), 16u);
  EXPECT_EQ(inbound.id().find_first_not_of("0123456789abcdef"), std::string::npos);
}

TEST(LatencyHistogramTest, HasNoPercentileWithoutCalls) { EXPECT_EQ(LatencyHistogram().Percentile(0.5), std::nullopt); }

TEST(LatencyHistogramTest, PercentilesAreAtMostSixPercentTooHigh) {
  LatencyHistogram histogram;
  for (int i = 1; i <= 1000; ++i) histogram.Add(std::chrono::milliseconds(i));

  EXPECT_THAT(*histogram.Percentile(0.5), AllOf(Ge(500), Le(530)));
  EXPECT_THAT(*histogram.Percentile(0.99), AllOf(Ge(990), Le(1050)));
}

TEST(LatencyHistogramTest, TakesAnyDuration) {
  LatencyHistogram histogram;
  histogram.Add(-1ns);
  histogram.Add(0ns);
  histogram.Add(1h);

  EXPECT_GT(*histogram.Percentile(1), 100'000);
}

Profile ProfileOf(const std::string& email) {
  Profile profile;
  profile.user.set_email(email);
  return profile;
}

constexpr ProfileMemory::Clock::time_point kStart(1h);

TEST(LiveFiguresTest, EndpointsHaveAnEnd) {
  LiveFigures figures;
  const userclient::ObservedClient client;
  const userclient::ObservedCall call = {.client = client};
  const auto attempt_at = [&](int endpoint) {
    figures.OnAttemptEnd(call, {}, {.peer = "ipv4:10.0.0.1:" + std::to_string(endpoint)}, nullptr);
  };

  for (int i = 0; i < 2 * static_cast<int>(LiveFigures::kMostEndpoints); ++i) attempt_at(i);

  const Json endpoints = figures.ToJson()["endpoints"];
  EXPECT_EQ(endpoints.size(), LiveFigures::kMostEndpoints + 1);
  EXPECT_EQ(
      std::count_if(endpoints.begin(), endpoints.end(), [](const Json& one) { return one["peer"] == LiveFigures::kOthers; }), 1);
}

TEST(LiveFiguresTest, AttemptsThatNobodyAnsweredAreThereIfTheyFailed) {
  LiveFigures figures;
  const userclient::ObservedClient client;
  const userclient::ObservedCall call = {.client = client};

  figures.OnAttemptEnd(call, {}, {.status = absl::CancelledError()}, nullptr);
  figures.OnAttemptEnd(call, {}, {.status = absl::NotFoundError("no such user")}, nullptr);
  const Json before = figures.ToJson()["endpoints"];
  figures.OnAttemptEnd(call, {}, {.status = absl::UnavailableError("refused")}, nullptr);
  const Json after = figures.ToJson()["endpoints"];

  EXPECT_EQ(before.size(), 0u);
  ASSERT_EQ(after.size(), 1u);
  EXPECT_EQ(after[0]["peer"], "");
}

TEST(UrlTest, APathIsWhatStandsBeforeTheQuery) {
  EXPECT_EQ(PathOf("/profiles/a%2Fb?x=/y#z"), "/profiles/a%2Fb");
  EXPECT_EQ(PathOf("http://host:80/profiles?x"), "/profiles");
  EXPECT_EQ(PathOf("https://host"), "/");
  EXPECT_EQ(PathOf("https://host?x=/y"), "/");
  EXPECT_EQ(PathOf("*"), "*");
}

TEST(UrlTest, AnySegmentComesThroughEncodedAndDecoded) {
  std::string every_byte;
  for (int byte = 0; byte < 256; ++byte) every_byte += static_cast<char>(byte);

  EXPECT_EQ(PercentEncoded("a/b c+d%ä"), "a%2Fb%20c%2Bd%25%C3%A4");
  EXPECT_EQ(*PercentDecoded(PercentEncoded(every_byte)), every_byte);
  EXPECT_EQ(*PercentDecoded("u%2d1+2"), "u-1+2");
}

TEST(UrlTest, APercentSignWithoutTwoDigitsIsRefused) {
  for (const char* segment : {"%", "a%4", "%zz", "%u0031", "100%"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(PercentDecoded(segment).status())) << segment;
  }
}

TEST(ProfileMemoryTest, GivesTheLatestAnswerUntilItIsTooOld) {
  ProfileMemory memory(10s);
  memory.Remember("u-1", ProfileOf("old@example.com"), kStart);
  memory.Remember("u-1", ProfileOf("new@example.com"), kStart + 1s);

  const auto young = memory.Find("u-1", kStart + 5s);
  const auto old = memory.Find("u-1", kStart + 12s);

  ASSERT_TRUE(young.has_value());
  EXPECT_EQ(young->profile.user.email(), "new@example.com");
  EXPECT_EQ(young->age, 4s);
  EXPECT_FALSE(old.has_value());
}

TEST(ProfileMemoryTest, ForgetsTheOldestWhenItIsFull) {
  ProfileMemory memory(1h, 2);
  memory.Remember("u-1", {}, kStart);
  memory.Remember("u-2", {}, kStart);
  memory.Remember("u-1", {}, kStart);
  memory.Remember("u-3", {}, kStart);

  EXPECT_TRUE(memory.Find("u-1", kStart).has_value());
  EXPECT_FALSE(memory.Find("u-2", kStart).has_value());
  EXPECT_TRUE(memory.Find("u-3", kStart).has_value());
}

TEST(ProfileMemoryTest, RemembersNothingIfItMayNot) {
  ProfileMemory memory(0s);
  memory.Remember("u-1", {}, kStart);

  EXPECT_FALSE(memory.Find("u-1", kStart).has_value());
}

TEST(ProfileMemoryTest, ForgetsWhoIsGone) {
  ProfileMemory memory(1h);
  memory.Remember("u-1", {}, kStart);

  memory.Forget("u-1");
  memory.Forget("u-1");

  EXPECT_FALSE(memory.Find("u-1", kStart).has_value());
}

}  // namespace
}  // namespace profile_service
