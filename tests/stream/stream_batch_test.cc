// BatchCreateUsers: many users by few calls, each user once.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <coroutine>
#include <exception>
#include <future>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/stream_client.h"
#include "tests/stream/batch_support.h"
#include "tests/stream/own_loopback.h"
#include "tests/stream/raw_stream_server.h"
#include "tests/support/test_client.h"
#include "user/v1/user_service.grpc.pb.h"
#include "userclient/rejection.h"
#include "userclient/service_client.h"
#include "userclient/testing/flaky_user_server.h"
#include "userclient/user_batch.h"

namespace userclient::testing {
namespace {

using absl::StatusCode;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;
using user::v1::BatchCreateUsersResponse;
using user::v1::CreateUserRequest;
using user::v1::User;
using namespace std::chrono_literals;

constexpr char kBatch[] = "BatchCreateUsers";

std::vector<std::string> EmailsOf(const std::vector<CreateUserRequest>& requests) {
  std::vector<std::string> emails;
  for (const CreateUserRequest& request : requests) emails.emplace_back(request.email());
  return emails;
}

std::vector<std::string> EmailsOf(const std::vector<User>& users) {
  std::vector<std::string> emails;
  for (const User& user : users) emails.emplace_back(user.email());
  return emails;
}

/// Survives a server that is away for a moment.
std::string PatientConfig() { return RetryConfig({.max_attempts = 10, .initial_backoff = "0.02s", .max_backoff = "0.5s"}); }

class StreamBatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<FlakyUserServer> server = FlakyUserServer::Start({.listen_address = OwnLoopback() + ":0", .store = store_});
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));
  }

  UserClient Client(const std::string& config = RetryConfig()) { return ConnectTo(server_->address(), config); }

  const std::shared_ptr<UserStore> store_ = MakeMemoryUserStore();
  std::optional<FlakyUserServer> server_;
};

// ---- Ranges and chunks

TEST_F(StreamBatchTest, CreatesEveryUserInTheOrderOfTheRange) {
  const std::vector<CreateUserRequest> requests = NewUsers(10);

  const absl::StatusOr<BatchResult> result = Client().BatchCreateUsers(requests, {.chunk_size = 4});

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->created, 10);
  EXPECT_EQ(result->failed, 0);
  EXPECT_THAT(result->failures, IsEmpty());
  EXPECT_EQ(EmailsOf(result->users), EmailsOf(requests));
  EXPECT_EQ(Emails(*store_), EmailsOf(requests));
  EXPECT_EQ(server_->calls(kBatch), 3);
}

TEST_F(StreamBatchTest, AChunkThatIsExactlyFullIsFollowedByNoEmptyCall) {
  const absl::StatusOr<BatchResult> result = Client().BatchCreateUsers(NewUsers(8), {.chunk_size = 4});

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->created, 8);
  EXPECT_EQ(server_->calls(kBatch), 2);
}

TEST_F(StreamBatchTest, TheLargestChunkGoesInOneCall) {
  const absl::StatusOr<BatchResult> result = Client().BatchCreateUsers(NewUsers(1000), {.chunk_size = 1000});

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->created, 1000);
  EXPECT_EQ(server_->calls(kBatch), 1);
}

TEST_F(StreamBatchTest, AnEmptyRangeSendsNothing) {
  int progress = 0;

  const absl::StatusOr<BatchResult> result =
      Client().BatchCreateUsers(std::vector<CreateUserRequest>(), {.on_progress = [&](const BatchPosition&) { ++progress; }});

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->created, 0);
  EXPECT_EQ(progress, 0);
  EXPECT_EQ(server_->attempts(kBatch), 0);
}

TEST_F(StreamBatchTest, TakesARangeThatCanBeReadOnce) {
  const absl::StatusOr<BatchResult> result = Client().BatchCreateUsers(MadeUsers(0, 7), {.chunk_size = 3});

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(Emails(*store_), EmailsOf(NewUsers(7)));
}

TEST_F(StreamBatchTest, TakesNoMoreFromTheRangeThanTheChunkUnderWay) {
  server_->Script(kBatch, {Ok(), Hang()});
  std::atomic<int> taken = 0;
  const auto counting = [&](int64_t number) {
    ++taken;
    return NewUserNumber(number);
  };
  std::stop_source stop;

  auto result = std::async(std::launch::async, [&] {
    return Client().BatchCreateUsers(MadeUsers(0, 1'000'000, counting), {.chunk_size = 5}, {.stop = stop.get_token()});
  });
  ASSERT_TRUE(server_->AwaitAttempts(kBatch, 2));
  EXPECT_EQ(taken, 10);
  stop.request_stop();

  EXPECT_EQ(result.get().status().code(), StatusCode::kCancelled);
  EXPECT_EQ(taken, 10);
}

TEST_F(StreamBatchTest, AnExceptionOfTheRangeLeavesNothingUnderWay) {
  const auto failing = [](int64_t number) {
    if (number == 7) throw std::runtime_error("the disk is gone");
    return NewUserNumber(number);
  };
  int64_t settled = 0;
  const UserClient client = Client();

  EXPECT_THROW(static_cast<void>(client.BatchCreateUsers(
                   MadeUsers(0, 10, failing),
                   {.chunk_size = 3, .on_progress = [&](const BatchPosition& position) { settled = position.next; }})),
               std::runtime_error);

  EXPECT_EQ(settled, 6);
  EXPECT_EQ(CountUsers(*store_), 6);
  EXPECT_TRUE(AwaitNoStreams(*server_));
  EXPECT_TRUE(client.BatchCreateUsers(NewUsers(1)).ok());
}

// ---- Keys

TEST_F(StreamBatchTest, MakesKeysFromThePrefixAndThePosition) {
  std::vector<std::string> keys;
  const BatchOptions batch = {
      .chunk_size = 2, .key_prefix = "import-7/", .first_position = 40, .on_item = [&](const BatchItem& item) {
        keys.push_back(item.idempotency_key);
      }};

  ASSERT_TRUE(Client().BatchCreateUsers(NewUsers(3), batch).ok());

  EXPECT_THAT(keys, ElementsAre("import-7/40", "import-7/41", "import-7/42"));
}

TEST_F(StreamBatchTest, TheSameBatchAgainCreatesNobody) {
  const BatchOptions batch = {.chunk_size = 4, .key_prefix = "import-7/"};
  const absl::StatusOr<BatchResult> first = Client().BatchCreateUsers(NewUsers(10), batch);

  const absl::StatusOr<BatchResult> again = Client().BatchCreateUsers(NewUsers(10), batch);

  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->created, 10);
  ASSERT_THAT(again->users, SizeIs(10));
  EXPECT_EQ(again->users[9].user_id(), first->users[9].user_id());
  EXPECT_EQ(CountUsers(*store_), 10);
}

TEST_F(StreamBatchTest, KeepsTheKeyThatAnItemHas) {
  std::vector<CreateUserRequest> requests = NewUsers(2);
  requests[0].set_idempotency_key("signup-4711");
  std::vector<std::string> keys;

  ASSERT_TRUE(Client()
                  .BatchCreateUsers(requests, {.key_prefix = "import-7/",
                                               .on_item = [&](const BatchItem& item) { keys.push_back(item.idempotency_key); }})
                  .ok());

  EXPECT_THAT(keys, ElementsAre("signup-4711", "import-7/1"));
}

TEST_F(StreamBatchTest, BatchesWithoutAPrefixHaveDifferentKeys) {
  std::vector<std::string> keys;
  const BatchOptions batch = {.on_item = [&](const BatchItem& item) { keys.push_back(item.idempotency_key); }};
  const UserClient client = Client();

  ASSERT_TRUE(client.BatchCreateUsers(NewUsers(1), batch).ok());
  ASSERT_TRUE(client.BatchCreateUsers(NewUsers(1), batch).ok());

  ASSERT_THAT(keys, SizeIs(2));
  EXPECT_NE(keys[0], keys[1]);
}

// ---- What becomes of the items

TEST_F(StreamBatchTest, TellsFailuresByTheirPositionInTheWholeRange) {
  std::vector<CreateUserRequest> requests = NewUsers(10);
  requests[1].set_email("nobody");
  requests[6].set_email(requests[0].email());
  requests[9].set_display_name(std::string(201, 'x'));

  const absl::StatusOr<BatchResult> result =
      Client().BatchCreateUsers(requests, {.chunk_size = 4, .key_prefix = "k/", .first_position = 100});

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->created, 7);
  EXPECT_EQ(result->failed, 3);
  ASSERT_THAT(result->failures, SizeIs(3));
  EXPECT_EQ(result->failures[0].position, 101);
  EXPECT_EQ(result->failures[0].idempotency_key, "k/101");
  EXPECT_EQ(result->failures[0].user.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(result->failures[0].user.status().message()), HasSubstr("email"));
  EXPECT_EQ(result->failures[1].position, 106);
  EXPECT_EQ(result->failures[1].user.status().code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(result->failures[2].position, 109);
  EXPECT_EQ(result->users[1].email(), "new2@example.com");
}

TEST_F(StreamBatchTest, HandsItemsOnAndThenKeepsNone) {
  std::vector<CreateUserRequest> requests = NewUsers(5);
  requests[3].set_email("nobody");
  std::vector<std::string> items;
  const auto note = [&](const BatchItem& item) {
    items.push_back(absl::StrCat(item.position, item.user.ok() ? " " + item.user->email() : " refused"));
  };

  const absl::StatusOr<BatchResult> result = Client().BatchCreateUsers(requests, {.chunk_size = 2, .on_item = note});

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(items,
              ElementsAre("0 new0@example.com", "1 new1@example.com", "2 new2@example.com", "3 refused", "4 new4@example.com"));
  EXPECT_EQ(result->created, 4);
  EXPECT_EQ(result->failed, 1);
  EXPECT_THAT(result->users, IsEmpty());
  EXPECT_THAT(result->failures, IsEmpty());
}

TEST_F(StreamBatchTest, TellsTheProgressAfterEveryChunk) {
  std::vector<CreateUserRequest> requests = NewUsers(5);
  requests[3].set_email("nobody");
  std::vector<BatchPosition> progress;

  ASSERT_TRUE(Client()
                  .BatchCreateUsers(requests, {.chunk_size = 2,
                                               .key_prefix = "k",
                                               .first_position = 10,
                                               .on_progress = [&](const BatchPosition& at) { progress.push_back(at); }})
                  .ok());

  EXPECT_THAT(progress, ElementsAre(BatchPosition{.next = 12, .sent = 12, .created = 2, .failed = 0, .key_prefix = "k"},
                                    BatchPosition{.next = 14, .sent = 14, .created = 3, .failed = 1, .key_prefix = "k"},
                                    BatchPosition{.next = 15, .sent = 15, .created = 4, .failed = 1, .key_prefix = "k"}));
}

// ---- Sick servers

TEST_F(StreamBatchTest, AServerThatDiesAmidAChunkIsSentAllOfItAgain) {
  server_->Script(kBatch, {Ok(), Drop().After(3)});
  CallReport report;

  const absl::StatusOr<BatchResult> result =
      Client(PatientConfig()).BatchCreateUsers(NewUsers(8), {.chunk_size = 4}, {.report = &report});

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->created, 8);
  EXPECT_EQ(Emails(*store_), EmailsOf(NewUsers(8)));
  ASSERT_GE(report.attempts.size(), 2);
  EXPECT_EQ(report.method, "user.v1.UserService/BatchCreateUsers");
  EXPECT_EQ(report.attempts[0].status.code(), StatusCode::kUnavailable);
  EXPECT_EQ(report.attempts[1].reason, AttemptReason::kRetry);
}

TEST_F(StreamBatchTest, SurvivesRestartsBetweenChunks) {
  const auto restart = [&](const BatchPosition&) { ASSERT_TRUE(server_->Restart().ok()); };

  const absl::StatusOr<BatchResult> result =
      Client(PatientConfig()).BatchCreateUsers(NewUsers(20), {.chunk_size = 5, .on_progress = restart});

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(Emails(*store_), EmailsOf(NewUsers(20)));
}

TEST_F(StreamBatchTest, AnAttemptThatHangsIsGivenUpAndMadeAgain) {
  server_->Script(kBatch, {Hang().After(2), NeverHalfClose()});
  const std::string config = RetryConfig(
      {.max_attempts = 10, .codes = R"("UNAVAILABLE", "DEADLINE_EXCEEDED")", .more = R"(, "perAttemptRecvTimeout": "0.5s")"});
  CallReport report;

  const absl::StatusOr<BatchResult> result = Client(config).BatchCreateUsers(NewUsers(5), {}, {.report = &report});

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(CountUsers(*store_), 5);
  // Two hang; on a slow machine, others may take too long as well.
  EXPECT_GE(server_->attempts(kBatch), 3);
  EXPECT_THAT(server_->ReceivedAttempts(kBatch),
              Contains(Field(&ReceivedAttempt::previous_attempts, static_cast<int>(report.attempts.size()) - 1)));
  while (report.attempts.size() > 1) {
    EXPECT_GE(report.attempts[report.attempts.size() - 2].duration, 400ms);
    EXPECT_EQ(report.attempts[report.attempts.size() - 2].status.code(), StatusCode::kDeadlineExceeded);
    report.attempts.pop_back();
  }
}

TEST_F(StreamBatchTest, AChunkThatFailsForGoodTellsHowFarTheBatchCame) {
  server_->Script(kBatch, {Ok(), Fail(StatusCode::kPermissionDenied, "not you").After(2)});

  const absl::StatusOr<BatchResult> result =
      Client().BatchCreateUsers(NewUsers(10), {.chunk_size = 4, .key_prefix = "a prefix/"});

  EXPECT_EQ(result.status().code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(result.status().message(), "not you");
  EXPECT_TRUE(ReportOf(result.status()).has_value());
  EXPECT_EQ(BatchPositionOf(result.status()),
            (BatchPosition{.next = 4, .sent = 8, .created = 4, .failed = 0, .key_prefix = "a prefix/"}));
}

TEST_F(StreamBatchTest, GoesOnWhereItStopped) {
  server_->Script(kBatch, {Ok(), Fail(StatusCode::kPermissionDenied).After(2)});
  const std::vector<CreateUserRequest> requests = NewUsers(10);
  const UserClient client = Client();
  const std::optional<BatchPosition> stopped = BatchPositionOf(client.BatchCreateUsers(requests, {.chunk_size = 4}).status());
  ASSERT_TRUE(stopped.has_value());
  ASSERT_GT(CountUsers(*store_), stopped->created) << "part of the chunk that failed exists";

  const absl::StatusOr<BatchResult> rest =
      client.BatchCreateUsers(std::span(requests).subspan(static_cast<size_t>(stopped->next)),
                              {.chunk_size = 4, .key_prefix = stopped->key_prefix, .first_position = stopped->next});

  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_EQ(rest->created, 6);
  EXPECT_EQ(Emails(*store_), EmailsOf(requests));
}

TEST_F(StreamBatchTest, BytesThatAreNoResponseAreAnError) {
  server_->Script(kBatch, {Garbage()});

  const absl::Status status = Client().BatchCreateUsers(NewUsers(3)).status();

  EXPECT_EQ(status.code(), StatusCode::kInternal);
  EXPECT_EQ(status.message(), "the server's response is no such message");
  EXPECT_EQ(BatchPositionOf(status)->sent, 3);
}

TEST_F(StreamBatchTest, BytesThatAreNoResponseMayBeAskedForAgain) {
  server_->Script(kBatch, {Garbage()});

  const absl::StatusOr<BatchResult> result =
      Client(RetryConfig({.codes = R"("UNAVAILABLE", "INTERNAL")"})).BatchCreateUsers(NewUsers(3));

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(CountUsers(*store_), 3);
}

absl::Status AskRaw(RawAnswer answer) {
  RawStreamServer server(std::move(answer));
  const UserClient client = ConnectTo(server.address(), NoRetryConfig());
  return client.BatchCreateUsers(NewUsers(2)).status();
}

std::string Response(const std::vector<std::pair<int, int>>& failures, int users) {
  BatchCreateUsersResponse response;
  for (int i = 0; i < users; ++i) response.add_users()->set_user_id(absl::StrCat("u-", i));
  for (const auto& [index, code] : failures) {
    response.add_failures()->set_index(index);
    response.mutable_failures()->rbegin()->set_code(code);
  }
  return response.SerializeAsString();
}

TEST(StreamBatchAnswerTest, MustBeExactlyOne) {
  const std::string response = Response({}, 2);

  EXPECT_TRUE(AskRaw({.responses = {response}}).ok());
  EXPECT_EQ(AskRaw({.responses = {}}).code(), StatusCode::kInternal);
  EXPECT_THAT(std::string(AskRaw({.responses = {}}).message()), HasSubstr("without a response"));
  EXPECT_EQ(AskRaw({.responses = {response, response}}).code(), StatusCode::kInternal);
  EXPECT_EQ(AskRaw({.responses = {response, response, response}}).message(), "the server sent more than one response");
}

TEST(StreamBatchAnswerTest, AFailureIsMoreThanTheResponseBeforeIt) {
  const absl::Status status = AskRaw({.responses = {Response({}, 2)}, .status = {grpc::StatusCode::ABORTED, "after all, no"}});

  EXPECT_EQ(status.code(), StatusCode::kAborted);
  EXPECT_EQ(status.message(), "after all, no");
}

TEST(StreamBatchAnswerTest, MustTellOfEveryItemOnce) {
  EXPECT_TRUE(AskRaw({.responses = {Response({{1, 3}}, 1)}}).ok());
  for (const std::string& response :
       {Response({}, 0), Response({}, 1), Response({}, 3), Response({{0, 3}}, 2), Response({{2, 3}}, 1), Response({{-1, 3}}, 1),
        Response({{1, 3}, {0, 3}}, 0), Response({{1, 3}, {1, 3}}, 0), Response({{0, 0}}, 1)}) {
    const absl::Status status = AskRaw({.responses = {response}});
    EXPECT_EQ(status.code(), StatusCode::kInternal) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("the 2 items that were sent")) << status;
  }
}

// ---- One call a chunk: deadlines, seats, breakers

TEST_F(StreamBatchTest, TheTimeoutIsForOneChunk) {
  server_->Script(kBatch, {Ok(), Hang()});
  const UserClient client = Client();
  ASSERT_TRUE(client.WaitReady(30s));

  const absl::StatusOr<BatchResult> result = client.BatchCreateUsers(NewUsers(4), {.chunk_size = 2}, {.timeout = 2s});

  EXPECT_EQ(result.status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(BatchPositionOf(result.status())->next, 2);
  for (const ReceivedAttempt& attempt : server_->ReceivedAttempts(kBatch)) {
    ASSERT_TRUE(attempt.time_left.has_value());
    EXPECT_LE(*attempt.time_left, 2100ms);
  }
}

TEST_F(StreamBatchTest, WithoutATimeoutTheConfigSaysHowLongAChunkMayTake) {
  ASSERT_TRUE(Client(NoRetryConfig("7s")).BatchCreateUsers(NewUsers(1)).ok());

  ASSERT_THAT(server_->ReceivedAttempts(kBatch), SizeIs(1));
  EXPECT_LE(server_->ReceivedAttempts(kBatch)[0].time_left, 7100ms);
}

std::string StreamsConfig(const std::string& limits, const std::string& retry = {}) {
  return absl::StrCat(R"({"methodConfig": [{"name": [{"service": "user.v1.UserService"}], "timeout": "30s")", retry,
                      R"(}], "userclient": {"bulkheads": [{"name": "streams", "methods": [{"service": "user.v1.UserService",
      "method": "BatchCreateUsers"}], )",
                      limits, "}]}}");
}

TEST_F(StreamBatchTest, TakesASeatForEachCallAndGivesItBack) {
  const UserClient client = Client(StreamsConfig(R"("maxConcurrentCalls": 1)"));
  server_->Script(kBatch, {Hang()});
  PendingCall<BatchResult> occupant = client.BatchCreateUsersAsync(NewUsers(1));
  ASSERT_TRUE(server_->AwaitAttempts(kBatch, 1));

  const absl::Status refused = client.BatchCreateUsers(NewUsers(1)).status();
  occupant.Cancel();
  const absl::Status cancelled = std::move(occupant).Get().status();
  const absl::StatusOr<BatchResult> seated = client.BatchCreateUsers(NewUsers(6), {.chunk_size = 2});

  EXPECT_EQ(RejectionOf(refused), Rejection::kBulkheadFull);
  EXPECT_EQ(BatchPositionOf(refused)->next, 0);
  EXPECT_EQ(cancelled.code(), StatusCode::kCancelled);
  EXPECT_TRUE(seated.ok()) << seated.status();
  EXPECT_TRUE(AwaitNoStreams(*server_));
}

TEST_F(StreamBatchTest, ChunksThatFailOpenTheCircuit) {
  const UserClient client = Client(StreamsConfig(
      R"("circuitBreaker": {"window": "60s", "minimumCalls": 2, "failureRatio": 0.5, "openDuration": "60s", "halfOpenProbes": 1})"));
  server_->Script(kBatch, {Fail(StatusCode::kUnavailable).After(1).Times(2)});

  EXPECT_FALSE(client.BatchCreateUsers(NewUsers(2)).ok());
  EXPECT_FALSE(client.BatchCreateUsers(NewUsers(2)).ok());
  const absl::Status refused = client.BatchCreateUsers(NewUsers(2)).status();

  EXPECT_EQ(RejectionOf(refused), Rejection::kCircuitOpen);
  EXPECT_EQ(server_->attempts(kBatch), 2);
}

TEST_F(StreamBatchTest, ItemsThatAreRefusedAreNoFailureOfTheService) {
  const UserClient client = Client(StreamsConfig(
      R"("circuitBreaker": {"window": "60s", "minimumCalls": 1, "failureRatio": 0.1, "openDuration": "60s", "halfOpenProbes": 1})"));
  std::vector<CreateUserRequest> wrong = NewUsers(1);
  wrong[0].set_email("nobody");

  EXPECT_EQ(client.BatchCreateUsers(wrong)->failed, 1);

  EXPECT_EQ(client.BatchCreateUsers(NewUsers(1))->created, 1);
}

TEST_F(StreamBatchTest, AShutDownClientCreatesNobody) {
  const UserClient client = Client();
  client.Shutdown(30s);

  EXPECT_EQ(RejectionOf(client.BatchCreateUsers(NewUsers(1)).status()), Rejection::kShutdown);
  EXPECT_EQ(server_->attempts(kBatch), 0);
}

// ---- Cancelled

TEST_F(StreamBatchTest, NothingIsSentAfterACancellation) {
  std::stop_source stop;
  stop.request_stop();

  const absl::Status status = Client().BatchCreateUsers(NewUsers(3), {}, {.stop = stop.get_token()}).status();

  EXPECT_EQ(status.code(), StatusCode::kCancelled);
  EXPECT_EQ(server_->attempts(kBatch), 0);
}

TEST_F(StreamBatchTest, StopsBetweenChunksWhenToldTo) {
  std::stop_source stop;
  const auto stop_at_4 = [&](const BatchPosition& position) {
    if (position.next == 4) stop.request_stop();
  };

  const absl::Status status =
      Client().BatchCreateUsers(NewUsers(10), {.chunk_size = 2, .on_progress = stop_at_4}, {.stop = stop.get_token()}).status();

  EXPECT_EQ(status.code(), StatusCode::kCancelled);
  EXPECT_EQ(BatchPositionOf(status)->next, 4);
  EXPECT_EQ(CountUsers(*store_), 4);
}

TEST_F(StreamBatchTest, MayBeCancelledAnywhereAndGoesOnFromThere) {
  server_->ScriptRepeatedly(kBatch, {Slow(1ms)});
  const UserClient client = Client();
  BatchPosition at = {.key_prefix = "anywhere/"};

  // Each time a few users further, wherever that is.
  for (int cancellations = 0; cancellations < 9; ++cancellations) {
    const int64_t wanted = CountUsers(*store_) + 23;
    std::stop_source stop;
    const std::jthread canceller([&](const std::stop_token& enough) {
      while (!enough.stop_requested() && CountUsers(*store_) < wanted) std::this_thread::yield();
      stop.request_stop();
    });
    const absl::StatusOr<BatchResult> result = client.BatchCreateUsers(
        MadeUsers(at.next, 1'000'000), {.chunk_size = 20, .key_prefix = at.key_prefix, .first_position = at.next},
        {.stop = stop.get_token()});
    ASSERT_EQ(result.status().code(), StatusCode::kCancelled) << result.status();
    at = *BatchPositionOf(result.status());
  }
  ASSERT_TRUE(AwaitNoStreams(*server_));
  const int64_t begun = CountUsers(*store_);
  const absl::StatusOr<BatchResult> rest = client.BatchCreateUsers(
      MadeUsers(at.next, begun), {.chunk_size = 20, .key_prefix = at.key_prefix, .first_position = at.next});

  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_EQ(Emails(*store_), EmailsOf(NewUsers(begun)));
}

// ---- Options

TEST_F(StreamBatchTest, RefusesOptionsThatCannotBe) {
  const UserClient client = Client();
  const auto message = [&](const BatchOptions& batch, const CallOptions& options = {}) {
    int taken = 0;
    const auto counting = [&](int64_t number) {
      ++taken;
      return NewUserNumber(number);
    };
    const absl::Status status = client.BatchCreateUsers(MadeUsers(0, 3, counting), batch, options).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(taken, 0);
    EXPECT_EQ(BatchPositionOf(status), std::nullopt);
    return std::string(status.message());
  };

  EXPECT_EQ(message({.chunk_size = 0}), "BatchOptions.chunk_size: must be from 1 to 1000, is 0");
  EXPECT_EQ(message({.chunk_size = 1001}), "BatchOptions.chunk_size: must be from 1 to 1000, is 1001");
  EXPECT_THAT(message({.key_prefix = std::string(109, 'k')}), StartsWith("BatchOptions.key_prefix: must be at most 108 bytes"));
  EXPECT_EQ(message({.first_position = -1}), "BatchOptions.first_position: must not be negative, is -1");
  EXPECT_THAT(message({}, {.fallback = FallbackTo(BatchCreateUsersResponse())}), StartsWith("CallOptions.fallback: "));
  EXPECT_EQ(server_->attempts(kBatch), 0);
}

TEST_F(StreamBatchTest, TheLongestPrefixFitsWithTheGreatestPosition) {
  const BatchOptions batch = {.key_prefix = std::string(108, 'k'), .first_position = std::numeric_limits<int64_t>::max() - 1};

  EXPECT_EQ(Client().BatchCreateUsers(NewUsers(1), batch)->created, 1);
}

// ---- Without a thread that waits

TEST_F(StreamBatchTest, BringsTheResultToWhoeverWaits) {
  absl::StatusOr<BatchResult> result = Client().BatchCreateUsersAsync(NewUsers(10), {.chunk_size = 3}).Get();

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(EmailsOf(result->users), EmailsOf(NewUsers(10)));
  EXPECT_EQ(server_->calls(kBatch), 4);
}

/// The language chooses these names.
// NOLINTBEGIN(readability-identifier-naming)
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};
// NOLINTEND(readability-identifier-naming)

// NOLINTNEXTLINE(performance-unnecessary-value-param): a coroutine keeps what it is given
Detached CreateInCoroutine(UserClient client, std::promise<int64_t>& created) {
  // In two steps: g++ 12 destroys an aggregate in the operand of co_await twice.
  PendingCall<BatchResult> pending = client.BatchCreateUsersAsync(NewUsers(10), {.chunk_size = 3});
  const absl::StatusOr<BatchResult> result = co_await std::move(pending);
  created.set_value(result.ok() ? result->created : -1);
}

TEST_F(StreamBatchTest, ResumesACoroutine) {
  std::promise<int64_t> created;

  CreateInCoroutine(Client(), created);

  EXPECT_EQ(created.get_future().get(), 10);
}

TEST_F(StreamBatchTest, TheAsyncFormTellsHowFarItCame) {
  server_->Script(kBatch, {Ok(), Fail(StatusCode::kPermissionDenied)});

  const absl::Status status = Client().BatchCreateUsersAsync(NewUsers(10), {.chunk_size = 4}).Get().status();

  EXPECT_EQ(status.code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(BatchPositionOf(status)->next, 4);
}

TEST_F(StreamBatchTest, TheAsyncFormRefusesOptionsThatCannotBe) {
  EXPECT_EQ(Client().BatchCreateUsersAsync(NewUsers(1), {.chunk_size = 0}).Get().status().code(), StatusCode::kInvalidArgument);
}

TEST_F(StreamBatchTest, TheAsyncFormOfNothingEndsAtOnce) {
  PendingCall<BatchResult> pending = Client().BatchCreateUsersAsync({});

  EXPECT_TRUE(pending.Wait(0ns));
  EXPECT_EQ(std::move(pending).Get()->created, 0);
}

TEST_F(StreamBatchTest, TheAsyncFormIsCancelledByItsTokenToo) {
  server_->Script(kBatch, {Ok(), Hang()});
  std::stop_source stop;
  PendingCall<BatchResult> pending = Client().BatchCreateUsersAsync(NewUsers(4), {.chunk_size = 2}, {.stop = stop.get_token()});
  ASSERT_TRUE(server_->AwaitAttempts(kBatch, 2));

  stop.request_stop();

  EXPECT_EQ(std::move(pending).Get().status().code(), StatusCode::kCancelled);
}

TEST_F(StreamBatchTest, OneThatNobodyWaitsForGoesOnToItsEnd) {
  std::promise<void> done;
  std::optional<PendingCall<BatchResult>> pending(
      Client().BatchCreateUsersAsync(NewUsers(6), {.chunk_size = 2, .on_progress = [&](const BatchPosition& at) {
                                                     if (at.next == 6) done.set_value();
                                                   }}));

  pending.reset();
  done.get_future().wait();

  EXPECT_EQ(CountUsers(*store_), 6);
}

TEST_F(StreamBatchTest, TheBlockingFormIsRefusedInACallback) {
  server_->Script(kBatch, {Hang()});
  const UserClient client = Client();
  std::stop_source stop;
  std::promise<absl::Status> refused;
  client.BatchCreateUsersAsync(NewUsers(1), {}, {.stop = stop.get_token()}).Then([&](const absl::StatusOr<BatchResult>&) {
    refused.set_value(client.BatchCreateUsers(NewUsers(1)).status());
  });

  stop.request_stop();

  EXPECT_EQ(refused.get_future().get().code(), StatusCode::kFailedPrecondition);
}

// ---- Any client-streaming rpc

TEST_F(StreamBatchTest, AnyServiceMaySendItsStreamsLikeThis) {
  using user::v1::UserService;
  const auto service = ServiceClient<UserService>::Create(
      {.target = server_->address(), .credentials = Credentials::Insecure(), .service_config_json = RetryConfig()});
  ASSERT_TRUE(service.ok()) << service.status();
  const auto method = service->ClientStream(kBatch, &UserService::StubInterface::BatchCreateUsers);

  const absl::StatusOr<BatchCreateUsersResponse> none = service->StartBatch(method, {}, {}).Get();
  const absl::StatusOr<BatchCreateUsersResponse> some = service->StartBatch(method, NewUsers(3), {}).Get();
  const absl::StatusOr<BatchCreateUsersResponse> too_many = service->StartBatch(method, NewUsers(1001), {}).Get();

  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_EQ(none->users_size(), 0);
  ASSERT_TRUE(some.ok()) << some.status();
  EXPECT_EQ(some->users_size(), 3);
  EXPECT_EQ(too_many.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(too_many.status().message()), HasSubstr("at most 1000"));
}

TEST_F(StreamBatchTest, AFallbackStandsInForAStreamOfAnyService) {
  using user::v1::UserService;
  server_->Script(kBatch, {Fail(StatusCode::kUnavailable)});
  const auto service = ServiceClient<UserService>::Create(
      {.target = server_->address(), .credentials = Credentials::Insecure(), .service_config_json = NoRetryConfig()});
  ASSERT_TRUE(service.ok()) << service.status();
  const auto method = service->ClientStream(kBatch, &UserService::StubInterface::BatchCreateUsers);
  BatchCreateUsersResponse substitute;
  substitute.add_users()->set_user_id("u-1");

  const absl::StatusOr<BatchCreateUsersResponse> answer =
      service->StartBatch(method, NewUsers(1), {.fallback = FallbackTo(substitute)}).Get();

  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->users(0).user_id(), "u-1");
}

}  // namespace
}  // namespace userclient::testing
