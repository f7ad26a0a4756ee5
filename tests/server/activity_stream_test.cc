// StreamActivity, as gRPC's own stub sees it.
#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/counting_user_store.h"
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
using testing::CountingUserStore;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using testing::PlainClient;
using ::testing::SizeIs;
using testing::TemporaryDirectory;
using testing::ViolationsIn;

std::unique_ptr<UserServer> StartServer(UserServerOptions options) {
  options.drain_notice = 0ms;
  return UserServer::Start(std::move(options)).value();
}

TEST(ActivityStreamTest, SendsTheWholeLogFromTheCreationOn) {
  auto server = StartServer({.seed_users = 1, .seed_activity = 250});
  PlainClient client(server->address());
  ActivityCall call(client, {});

  const auto first = call.Next();
  const std::vector<std::string> rest = call.ReadIds();

  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->action(), "created");
  EXPECT_EQ(first->resource(), "user/u-1");
  EXPECT_EQ(first->timestamp_unix(), 1'700'000'001);
  EXPECT_TRUE(call.Finish().ok());
  EXPECT_THAT(rest, SizeIs(250));
  EXPECT_TRUE(std::is_sorted(rest.begin(), rest.end()));
  EXPECT_EQ(std::set<std::string>(rest.begin(), rest.end()).size(), 250u);
}

TEST(ActivityStreamTest, LimitEndsIt) {
  auto server = StartServer({.seed_users = 1, .seed_activity = 250});
  PlainClient client(server->address());

  for (const size_t limit : {1, 99, 100, 101, 200, 251}) {
    ActivityCall call(client, {.limit = static_cast<int>(limit)});
    EXPECT_THAT(call.ReadIds(), SizeIs(limit));
    EXPECT_TRUE(call.Finish().ok());
  }
}

TEST(ActivityStreamTest, ResumesStrictlyAfterAnEventAlsoAtAnotherServer) {
  auto one = StartServer({.seed_users = 2, .seed_activity = 300});
  auto other = StartServer({.seed_users = 2, .seed_activity = 300});
  PlainClient first_client(one->address());
  PlainClient second_client(other->address());
  const std::vector<std::string> whole = ActivityCall(first_client, {.user_id = "u-2"}).ReadIds();

  ActivityCall broken(first_client, {.user_id = "u-2"});
  std::vector<std::string> ids = broken.ReadIds(123);
  broken.context.Cancel();
  ActivityCall resumed(second_client, {.user_id = "u-2", .after_event_id = ids.back()});
  for (const std::string& id : resumed.ReadIds()) ids.push_back(id);

  EXPECT_EQ(ids, whole);
  EXPECT_THAT(whole, SizeIs(301));
}

TEST(ActivityStreamTest, NothingFollowsTheLastEvent) {
  auto server = StartServer({.seed_users = 1, .seed_activity = 3});
  PlainClient client(server->address());
  const std::vector<std::string> ids = ActivityCall(client, {}).ReadIds();

  ActivityCall resumed(client, {.after_event_id = ids.back()});

  EXPECT_THAT(resumed.ReadIds(), IsEmpty());
  EXPECT_TRUE(resumed.Finish().ok());
}

TEST(ActivityStreamTest, EveryUserHasEventsOfHisOwnAndANewOneHasHisCreation) {
  auto server = StartServer({.seed_users = 2, .seed_activity = 2});
  PlainClient client(server->address());
  ASSERT_THAT(client.CreateUser("ada@example.com"), testing::Succeeded());

  ActivityCall call(client, {.user_id = "u-3"});
  const auto event = call.Next();

  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->resource(), "user/u-3");
  EXPECT_FALSE(call.Next().has_value());
}

TEST(ActivityStreamTest, UnknownUserIsNotFound) {
  auto server = StartServer({});
  PlainClient client(server->address());

  ActivityCall call(client, {});

  EXPECT_FALSE(call.Next().has_value());
  EXPECT_EQ(call.Finish().error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST(ActivityStreamTest, EveryWrongFieldIsNamed) {
  auto server = StartServer({.seed_users = 1});
  PlainClient client(server->address());

  ActivityCall call(client, {.user_id = "", .limit = -1, .after_event_id = "e-1"});

  const grpc::Status status = call.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(ViolationsIn(status),
              ElementsAre(Pair("user_id", "is required"), Pair("limit", "must not be negative; 0 means all"),
                          Pair("after_event_id", "must be an event_id of this service")));
}

TEST(ActivityStreamTest, EventBeyondTheLogIsOutOfRange) {
  auto server = StartServer({.seed_users = 1, .seed_activity = 2});
  PlainClient client(server->address());

  ActivityCall call(client, {.after_event_id = "e-0000000004"});

  const grpc::Status status = call.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_THAT(ViolationsIn(status), ElementsAre(Pair("after_event_id", "lies beyond the last event of this user")));
}

TEST(ActivityStreamTest, ServesFromASqliteStoreAndTheLogGrowsWithTheNextSeed) {
  TemporaryDirectory directory;
  std::string last;
  {
    auto server =
        StartServer({.store = OpenSqliteUserStore(directory / "users.db").value(), .seed_users = 1, .seed_activity = 150});
    PlainClient client(server->address());
    const std::vector<std::string> ids = ActivityCall(client, {}).ReadIds();
    ASSERT_THAT(ids, SizeIs(151));
    last = ids.back();
  }

  auto server = StartServer({.store = OpenSqliteUserStore(directory / "users.db").value(), .seed_activity = 152});
  PlainClient client(server->address());

  EXPECT_THAT(ActivityCall(client, {.after_event_id = last}).ReadIds(), ElementsAre("e-0000000152", "e-0000000153"));
}

// A client that does not read takes what fits into the HTTP/2 window, and the server reads no further.
TEST(ActivityStreamTest, SlowReaderHoldsTheServerBack) {
  constexpr int kEvents = 20'000;
  auto store = std::make_shared<CountingUserStore>(MakeMemoryUserStore());
  auto server = StartServer({.store = store, .seed_users = 1, .seed_activity = kEvents - 1});
  auto stub = user::v1::UserService::NewStub(testing::MakeChannelWithFixedWindow(server->address()));
  PlainClient other(server->address());
  ActivityCall call(*stub, {});
  ASSERT_TRUE(call.Next().has_value());

  // Stalled: nothing was read while others were served many times.
  int64_t taken = -1;
  while (taken != store->events_read) {
    taken = store->events_read;
    for (int i = 0; i < 200; ++i) other.GetUser("u-1");
  }

  // The windows of HTTP/2 hold some thousand messages of this size.
  EXPECT_LT(taken, kEvents / 4);
  EXPECT_THAT(call.ReadIds(), SizeIs(kEvents - 1));
  EXPECT_TRUE(call.Finish().ok());
  EXPECT_EQ(store->events_read, kEvents);
}

TEST(ActivityStreamTest, CancellationReleasesEverything) {
  auto server = StartServer({.seed_users = 1, .seed_activity = 100'000});
  // Nobody reads on, and a window that grew could take it all.
  auto stub = user::v1::UserService::NewStub(testing::MakeChannelWithFixedWindow(server->address()));
  {
    ActivityCall call(*stub, {});
    ASSERT_TRUE(call.Next().has_value());
    EXPECT_EQ(server->open_streams(), 1);
    call.context.Cancel();
  }

  EXPECT_TRUE(AwaitNoStreams(*server));
  EXPECT_EQ(server->counters("StreamActivity").ended, (std::map<absl::StatusCode, int64_t>{{absl::StatusCode::kCancelled, 1}}));
}

TEST(ActivityStreamTest, DeadlineEndsIt) {
  auto server = StartServer({.seed_users = 1, .seed_activity = 100'000});
  auto channel = testing::MakeChannelWithFixedWindow(server->address());
  auto stub = user::v1::UserService::NewStub(channel);
  ASSERT_TRUE(channel->WaitForConnected(std::chrono::system_clock::now() + 30s));

  ActivityCall call(*stub, {.timeout = 3s});
  ASSERT_TRUE(call.Next().has_value());

  // Nobody reads, so that it cannot end before.
  EXPECT_TRUE(AwaitNoStreams(*server));
  call.ReadIds();
  EXPECT_EQ(call.Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
}

// The client may still see a broken connection: what it has sent and the server has not read makes the kernel reset it in the
// end.
TEST(ActivityStreamTest, DrainLetsItEnd) {
  auto server = StartServer({.seed_users = 1, .seed_activity = 20'000});
  PlainClient client(server->address());
  ActivityCall call(client, {});
  ASSERT_TRUE(call.Next().has_value());
  std::thread drainer([&] { EXPECT_THAT(server->Shutdown(30s), testing::IsOk()); });

  const std::vector<std::string> rest = call.ReadIds();
  drainer.join();

  EXPECT_EQ(server->counters("StreamActivity").ended, (std::map<absl::StatusCode, int64_t>{{absl::StatusCode::kOk, 1}}));
  EXPECT_TRUE(std::is_sorted(rest.begin(), rest.end()));
  const grpc::Status status = call.Finish();
  if (status.ok()) {
    EXPECT_THAT(rest, SizeIs(20'000));
  } else {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
  }
}

}  // namespace
}  // namespace userclient
