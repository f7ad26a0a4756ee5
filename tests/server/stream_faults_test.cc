// What a stream looks like at a server that was told to be sick, and what is noted about it.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/server/plain_client.h"
#include "tests/server/status_matchers.h"
#include "tests/server/stream_client.h"
#include "tests/server/temporary_directory.h"
#include "userclient/server/user_server.h"

namespace userclient {
namespace {

using namespace std::chrono_literals;
using testing::ActivityCall;
using testing::AwaitNoStreams;
using testing::BatchCall;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::LookupCall;
using testing::PlainClient;
using ::testing::SizeIs;
using testing::TemporaryDirectory;
using testing::WatchCall;

class StreamFaultTest : public ::testing::Test {
 protected:
  void Inject(const std::string& method, const std::string& fault) {
    ASSERT_THAT(server_->faults().Set(absl::StrCat(R"({"faults": [{"method": ")", method, "\", ", fault, "}]}")), IsOk());
  }

  std::unique_ptr<UserServer> server_ =
      UserServer::Start({.seed_users = 3, .seed_activity = 9, .name = "a", .drain_notice = 0ms}).value();
  PlainClient client_{server_->address()};
};

TEST_F(StreamFaultTest, StatusBeforeTheFirstMessage) {
  Inject("StreamActivity", R"("status": "RESOURCE_EXHAUSTED", "message": "slow down", "pushback": "1.5s")");
  ActivityCall call(client_, {});

  EXPECT_THAT(call.ReadIds(), IsEmpty());
  const grpc::Status status = call.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(status.error_message(), "slow down");
  EXPECT_EQ(call.context.trailer("grpc-retry-pushback-ms"), "1500");
  EXPECT_EQ(call.context.trailer("x-served-by"), "a");
}

TEST_F(StreamFaultTest, StatusInTheMidst) {
  Inject("StreamActivity", R"("after": 4, "status": "UNAVAILABLE")");
  ActivityCall call(client_, {});

  EXPECT_THAT(call.ReadIds(), SizeIs(4));
  EXPECT_EQ(call.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(StreamFaultTest, StreamThatEndsBeforeMeetsNoFault) {
  Inject("StreamActivity", R"("after": 11, "status": "UNAVAILABLE")");
  ActivityCall call(client_, {});

  EXPECT_THAT(call.ReadIds(), SizeIs(10));
  EXPECT_TRUE(call.Finish().ok());
}

TEST_F(StreamFaultTest, ThrowInTheMidst) {
  Inject("WatchUsers", R"("after": 1, "throw": true)");
  WatchCall watch(client_);
  ASSERT_TRUE(watch.ReadPosition());
  client_.CreateUser("ada@example.com");

  EXPECT_THAT(watch.ReadIds(2), SizeIs(1));
  const grpc::Status status = watch.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(status.error_message(), absl::StrCat("the server failed; request id ", watch.context.trailer("x-request-id")));
}

TEST_F(StreamFaultTest, DropLooksLikeAServerThatHasDied) {
  Inject("StreamActivity", R"("after": 4, "drop": true, "times": 1)");
  ActivityCall call(client_, {});

  std::vector<std::string> ids = call.ReadIds();
  const grpc::Status status = call.Finish();
  const size_t before = ids.size();
  PlainClient anew(server_->address());
  ActivityCall resumed(anew, {.after_event_id = ids.empty() ? "" : ids.back()});
  for (const std::string& id : resumed.ReadIds()) ids.push_back(id);

  EXPECT_LE(before, 4u);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
  EXPECT_EQ(call.context.trailer("x-request-id"), "") << "there were no trailers";
  EXPECT_THAT(ids, SizeIs(10));
  EXPECT_TRUE(AwaitNoStreams(*server_));
}

TEST_F(StreamFaultTest, DropTakesAllThatRunsOverTheConnection) {
  WatchCall bystander(client_);
  ASSERT_TRUE(bystander.ReadPosition());
  PlainClient elsewhere(server_->address());
  WatchCall survivor(elsewhere);
  ASSERT_TRUE(survivor.ReadPosition());
  Inject("GetUser", R"("drop": true)");

  const auto dropped = client_.GetUser("u-1");

  EXPECT_THAT(dropped, testing::FailedWith(grpc::StatusCode::UNAVAILABLE));
  EXPECT_FALSE(bystander.Next().has_value());
  EXPECT_EQ(bystander.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  elsewhere.CreateUser("ada@example.com");
  EXPECT_THAT(survivor.ReadIds(1), SizeIs(1));
}

TEST_F(StreamFaultTest, HangInTheMidstSendsNoSignOfLifeAndEndsWithTheDeadline) {
  Inject("WatchUsers", R"("after": 1, "hang": true)");
  WatchCall watch(client_, "", 5s);
  ASSERT_TRUE(watch.ReadPosition());
  client_.CreateUser("ada@example.com");
  client_.CreateUser("bob@example.com");

  EXPECT_THAT(watch.ReadIds(2), SizeIs(1));
  EXPECT_EQ(watch.Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(AwaitNoStreams(*server_));
}

TEST_F(StreamFaultTest, GarbageInTheMidst) {
  Inject("LookupUsers", R"("after": 1, "garbage": true)");
  LookupCall lookup(client_);
  lookup.Ask("u-1");

  EXPECT_TRUE(lookup.Next().has_value());
  // gRPC's own client takes it for the end of the stream.
  EXPECT_FALSE(lookup.Next().has_value());
  EXPECT_TRUE(AwaitNoStreams(*server_));
}

TEST_F(StreamFaultTest, GarbageAsTheAnswerToABatch) {
  Inject("BatchCreateUsers", R"("garbage": true)");
  user::v1::CreateUserRequest item;
  item.set_email("ada@example.com");

  // On the wire a unary call is a stream of one message.
  auto outcome = client_.CallByName<user::v1::CreateUserRequest, grpc::ByteBuffer>("/user.v1.UserService/BatchCreateUsers", item);

  ASSERT_THAT(outcome, testing::Succeeded());
  grpc::Slice answer;
  ASSERT_TRUE(outcome.response.DumpToSingleSlice(&answer).ok());
  EXPECT_FALSE(user::v1::BatchCreateUsersResponse().ParseFromArray(answer.begin(), static_cast<int>(answer.size())));
}

TEST_F(StreamFaultTest, SlowWaitsBeforeEachMessage) {
  Inject("StreamActivity", R"("slow": "0.02s")");
  const auto started = std::chrono::steady_clock::now();
  ActivityCall call(client_, {});

  EXPECT_THAT(call.ReadIds(), SizeIs(10));
  EXPECT_TRUE(call.Finish().ok());
  EXPECT_GE(std::chrono::steady_clock::now() - started, 200ms);
}

TEST_F(StreamFaultTest, DelayAndHeadersComeFirst) {
  Inject("StreamActivity", R"("headers": true, "delay": "0.05s")");
  const auto started = std::chrono::steady_clock::now();
  ActivityCall call(client_, {});

  EXPECT_THAT(call.ReadIds(), SizeIs(10));
  EXPECT_GE(std::chrono::steady_clock::now() - started, 50ms);
}

TEST_F(StreamFaultTest, NeverHalfCloseSendsEverythingAndNoEnd) {
  ASSERT_THAT(server_->faults().Set(R"({"faults": [{"method": "StreamActivity", "never_half_close": true},
                                                  {"method": "LookupUsers", "never_half_close": true},
                                                  {"method": "BatchCreateUsers", "never_half_close": true}]})"),
              IsOk());
  ActivityCall activity(client_, {.timeout = 5s});
  LookupCall lookup(client_, 5s);
  BatchCall batch(client_);
  lookup.Ask("u-1");
  batch.Send("ada@example.com");
  batch.writer->WritesDone();

  EXPECT_TRUE(lookup.Next().has_value());
  EXPECT_THAT(activity.ReadIds(), SizeIs(10));
  EXPECT_EQ(activity.Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(lookup.Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(testing::Await([&] { return client_.ListUsers(1).response.total_count() == 4; })) << "the item was created";
  EXPECT_TRUE(testing::Await([&] { return server_->open_streams() == 1; }));
  batch.context.Cancel();
  EXPECT_EQ(batch.writer->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(AwaitNoStreams(*server_));
}

TEST_F(StreamFaultTest, BatchThatFailsInTheMidstHasCreatedWhatCameBefore) {
  Inject("BatchCreateUsers", R"("after": 2, "status": "UNAVAILABLE", "times": 1)");
  const auto send = [this] {
    BatchCall batch(client_);
    for (int i = 0; i < 5; ++i) batch.Send(absl::StrCat("new", i, "@example.com"), absl::StrCat("k", i));
    const grpc::Status status = batch.Finish();
    return std::make_pair(status.error_code(), batch.response.users_size());
  };

  EXPECT_EQ(send(), std::make_pair(grpc::StatusCode::UNAVAILABLE, 0));
  EXPECT_EQ(client_.ListUsers(1).response.total_count(), 5);
  EXPECT_EQ(send(), std::make_pair(grpc::StatusCode::OK, 5));
  EXPECT_EQ(client_.ListUsers(1).response.total_count(), 8);
}

TEST_F(StreamFaultTest, DroppedBatchAndLookup) {
  ASSERT_THAT(server_->faults().Set(R"({"faults": [{"method": "BatchCreateUsers", "after": 1, "drop": true, "times": 1},
                                                  {"method": "LookupUsers", "after": 1, "drop": true, "times": 1}]})"),
              IsOk());
  {
    BatchCall batch(client_);
    batch.Send("ada@example.com", "k");
    EXPECT_EQ(batch.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  }
  PlainClient anew(server_->address());
  LookupCall lookup(anew);
  lookup.Ask("u-1");

  while (lookup.Next()) {
  }
  EXPECT_EQ(lookup.stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(StreamFaultTest, ScriptsMeetOneStreamAfterTheOther) {
  ASSERT_THAT(server_->faults().Script("StreamActivity", {{.status = absl::StatusCode::kUnavailable, .after = 2},
                                                          {.drop = true, .after = 3},
                                                          {.status = absl::StatusCode::kAborted}}),
              IsOk());
  std::vector<std::string> ids;
  std::vector<int> codes;
  for (int attempt = 0; attempt < 4; ++attempt) {
    PlainClient anew(server_->address());
    ActivityCall call(anew, {.after_event_id = ids.empty() ? "" : ids.back()});
    for (const std::string& id : call.ReadIds()) ids.push_back(id);
    codes.push_back(call.Finish().error_code());
  }

  EXPECT_THAT(ids, SizeIs(10));
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
  EXPECT_THAT(codes, ::testing::ElementsAre(grpc::StatusCode::UNAVAILABLE, grpc::StatusCode::UNAVAILABLE,
                                            grpc::StatusCode::ABORTED, grpc::StatusCode::OK));
}

TEST_F(StreamFaultTest, HangingStreamIsCutOffByTheDrainLimit) {
  Inject("LookupUsers", R"("hang": true)");
  LookupCall lookup(client_);
  ASSERT_TRUE(testing::Await([&] { return server_->open_streams() == 1; }));

  EXPECT_THAT(server_->Shutdown(50ms),
              testing::IsError(absl::StatusCode::kDeadlineExceeded, "the drain limit is over: 1 call was cut off"));

  lookup.Next();
  EXPECT_FALSE(lookup.stream->Finish().ok());
}

// What is noted

TEST(StreamRecordTest, LogHasOneLineForEachStreamWithItsMessages) {
  absl::Mutex mutex;
  std::vector<nlohmann::json> lines;
  auto server = UserServer::Start({.seed_users = 1,
                                   .seed_activity = 4,
                                   .request_log =
                                       [&](std::string_view line) {
                                         absl::MutexLock lock(&mutex);
                                         lines.push_back(nlohmann::json::parse(line));
                                       },
                                   .drain_notice = 0ms})
                    .value();
  PlainClient client(server->address());
  ASSERT_THAT(server->faults().Script("StreamActivity", {{.throws = true, .after = 2}}), IsOk());

  ActivityCall(client, {}).ReadIds();
  LookupCall lookup(client);
  for (int i = 0; i < 3; ++i) lookup.Ask("u-1");
  ASSERT_TRUE(lookup.Finish().ok());
  ASSERT_THAT(server->Shutdown(30s), IsOk());

  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_EQ(lines[0]["method"], "user.v1.UserService/StreamActivity");
  EXPECT_EQ(lines[0]["status"], "INTERNAL");
  EXPECT_EQ(lines[0]["messages_received"], 1);
  EXPECT_EQ(lines[0]["messages_sent"], 2);
  EXPECT_EQ(lines[0]["fault"], "StreamActivity.script[0]");
  EXPECT_EQ(lines[0]["error"], "thrown because a fault says so");
  EXPECT_EQ(lines[1]["method"], "user.v1.UserService/LookupUsers");
  EXPECT_EQ(lines[1]["status"], "OK");
  EXPECT_EQ(lines[1]["messages_received"], 3);
  EXPECT_EQ(lines[1]["messages_sent"], 3);
}

TEST(StreamRecordTest, AttemptsAreCountedAndShown) {
  absl::Mutex mutex;
  std::vector<ReceivedAttempt> attempts;
  auto server = UserServer::Start({.seed_users = 1,
                                   .on_attempt =
                                       [&](const ReceivedAttempt& attempt) {
                                         absl::MutexLock lock(&mutex);
                                         attempts.push_back(attempt);
                                       },
                                   .drain_notice = 0ms})
                    .value();
  PlainClient client(server->address());
  user::v1::StreamActivityRequest request;
  request.set_user_id("u-1");

  ActivityCall(client, {}).ReadIds();
  LookupCall(client).Finish();
  ASSERT_TRUE(AwaitNoStreams(*server));

  EXPECT_EQ(server->counters("StreamActivity"),
            (MethodCounters{.calls = 1, .attempts = 1, .ended = {{absl::StatusCode::kOk, 1}}}));
  ASSERT_THAT(attempts, SizeIs(2));
  EXPECT_EQ(attempts[0].method, "StreamActivity");
  EXPECT_EQ(attempts[0].request, request.SerializeAsString());
  EXPECT_TRUE(attempts[0].time_left.has_value());
  EXPECT_EQ(attempts[1].method, "LookupUsers");
  EXPECT_EQ(attempts[1].request, "");
}

TEST(StreamRecordTest, WhatHasNoEndOfItsOwnNeedsNoDeadline) {
  auto server = UserServer::Start({.seed_users = 1, .require_deadline = true, .drain_notice = 0ms}).value();
  PlainClient client(server->address());
  grpc::ClientContext watch_context;
  grpc::ClientContext activity_context;
  auto watch = client.stub().WatchUsers(&watch_context, {});
  auto activity = client.stub().StreamActivity(&activity_context, {});
  user::v1::WatchUsersResponse position;

  EXPECT_TRUE(watch->Read(&position));
  EXPECT_EQ(activity->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  watch_context.TryCancel();
}

TEST(StreamRecordTest, StreamsNeedTheTokenToo) {
  TemporaryDirectory directory;
  auto server =
      UserServer::Start({.token_file = directory.Write("token", "secret-token-of-a-test"), .drain_notice = 0ms}).value();
  PlainClient client(server->address());

  EXPECT_EQ(ActivityCall(client, {}).Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(WatchCall(client).Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(BatchCall(client).Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(LookupCall(client).Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

}  // namespace
}  // namespace userclient
