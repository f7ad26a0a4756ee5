// WatchUsers, as gRPC's own stub sees it.
#include <algorithm>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/counting_user_store.h"
#include "tests/server/empty_user_store.h"
#include "tests/server/plain_client.h"
#include "tests/server/status_matchers.h"
#include "tests/server/stream_client.h"
#include "tests/server/temporary_directory.h"
#include "userclient/server/user_server.h"

namespace userclient {
namespace {

using namespace std::chrono_literals;
using testing::AwaitNoStreams;
using testing::CountingUserStore;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Pair;
using testing::PlainClient;
using testing::Succeeded;
using testing::TemporaryDirectory;
using testing::UserIds;
using testing::ViolationsIn;
using testing::WatchCall;

std::unique_ptr<UserServer> StartServer(UserServerOptions options) {
  options.drain_notice = 0ms;
  return UserServer::Start(std::move(options)).value();
}

void CreateUsers(PlainClient& client, int first, int last) {
  for (int i = first; i <= last; ++i) ASSERT_THAT(client.CreateUser(absl::StrCat("new", i, "@example.com")), Succeeded());
}

/// The reason in the google.rpc.ErrorInfo of the details; empty if there is none.
std::string ReasonIn(const grpc::Status& status) {
  v1::RpcStatus details;
  details.ParseFromString(status.error_details());
  for (const google::protobuf::Any& detail : details.details()) {
    v1::ErrorInfo info;
    if (detail.type_url() == "type.googleapis.com/google.rpc.ErrorInfo" && info.ParseFromString(detail.value()))
      return info.reason();
  }
  return "";
}

TEST(WatchStreamTest, SendsItsPositionFirstAndThenWhatHappens) {
  auto server = StartServer({.seed_users = 2});
  PlainClient client(server->address());
  WatchCall watch(client);

  const auto position = watch.Next();
  ASSERT_THAT(client.CreateUser("ada@example.com", "Ada"), Succeeded());
  const auto change = watch.Next();

  ASSERT_TRUE(position.has_value());
  EXPECT_FALSE(position->has_user());
  EXPECT_EQ(position->kind(), user::v1::USER_CHANGE_KIND_UNSPECIFIED);
  EXPECT_FALSE(position->resume_token().empty());
  ASSERT_TRUE(change.has_value());
  EXPECT_EQ(change->user().user_id(), "u-3");
  EXPECT_EQ(change->user().email(), "ada@example.com");
  EXPECT_EQ(change->user().display_name(), "Ada");
  EXPECT_EQ(change->kind(), user::v1::USER_CHANGE_KIND_CREATED);
  EXPECT_NE(change->resume_token(), position->resume_token());
}

TEST(WatchStreamTest, ResumesAfterAChangeAndAfterAPosition) {
  auto server = StartServer({});
  PlainClient client(server->address());
  std::string position;
  std::string change;
  {
    WatchCall watch(client);
    ASSERT_TRUE(watch.ReadPosition());
    position = watch.token;
    CreateUsers(client, 1, 2);
    ASSERT_THAT(watch.ReadIds(1), ElementsAre("u-1"));
    change = watch.token;
  }
  CreateUsers(client, 3, 300);

  EXPECT_EQ(WatchCall(client, position).ReadIds(300), UserIds(1, 300));
  EXPECT_EQ(WatchCall(client, change).ReadIds(299), UserIds(2, 300));
}

TEST(WatchStreamTest, RepeatedCreateIsNoChange) {
  auto server = StartServer({});
  PlainClient client(server->address());
  WatchCall watch(client);
  ASSERT_TRUE(watch.ReadPosition());

  client.CreateUser("ada@example.com", "Ada", "k");
  client.CreateUser("ada@example.com", "Ada", "k");
  client.CreateUser("ada@example.com", "Ada", "other");
  client.CreateUser("bob@example.com", "Bob", "k2");

  EXPECT_THAT(watch.ReadIds(2), ElementsAre("u-1", "u-2"));
}

TEST(WatchStreamTest, SilenceIsBrokenByThePosition) {
  auto server = StartServer({.watch_heartbeat = 20ms});
  PlainClient client(server->address());
  WatchCall watch(client);
  ASSERT_TRUE(watch.ReadPosition());
  const std::string first = watch.token;

  EXPECT_TRUE(watch.ReadPosition());
  EXPECT_TRUE(watch.ReadPosition());
  EXPECT_EQ(watch.token, first);
  CreateUsers(client, 1, 1);
  EXPECT_THAT(watch.ReadIds(1), ElementsAre("u-1"));
  const std::string of_the_change = watch.token;

  EXPECT_TRUE(watch.ReadPosition());
  EXPECT_EQ(watch.token, of_the_change);
}

TEST(WatchStreamTest, TokenThatIsNoneIsInvalid) {
  auto server = StartServer({});
  PlainClient client(server->address());

  const grpc::Status status = WatchCall(client, "not a token").Finish();

  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(ViolationsIn(status), ElementsAre(Pair("resume_token", "must be a resume_token of this service")));
}

TEST(WatchStreamTest, TokenOfAPageIsNoResumeToken) {
  auto server = StartServer({.seed_users = 3});
  PlainClient client(server->address());
  const std::string page_token = client.ListUsers(1).response.next_page_token();

  EXPECT_EQ(WatchCall(client, page_token).Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST(WatchStreamTest, TokenOfAnotherStoreSaysToBeginAnew) {
  auto one = StartServer({});
  auto other = StartServer({});
  PlainClient first_client(one->address());
  PlainClient second_client(other->address());
  WatchCall watch(first_client);
  ASSERT_TRUE(watch.ReadPosition());

  const grpc::Status status = WatchCall(second_client, watch.token).Finish();

  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(ReasonIn(status), "RESUME_TOKEN_EXPIRED");
  EXPECT_THAT(status.error_message(), HasSubstr("list the users and watch from the present"));
}

TEST(WatchStreamTest, ServersOnOneFileSeeEachOthersChangesOnceAndInOneOrder) {
  TemporaryDirectory directory;
  auto one = StartServer({.store = OpenSqliteUserStore(directory / "users.db").value()});
  auto other = StartServer({.store = OpenSqliteUserStore(directory / "users.db").value()});
  PlainClient first_client(one->address());
  PlainClient second_client(other->address());
  WatchCall first(first_client);
  WatchCall second(second_client);
  ASSERT_TRUE(first.ReadPosition());
  ASSERT_TRUE(second.ReadPosition());

  std::thread creator([&] { CreateUsers(first_client, 1, 100); });
  CreateUsers(second_client, 101, 200);
  const std::vector<std::string> seen_by_first = first.ReadIds(200);
  const std::vector<std::string> seen_by_second = second.ReadIds(200);
  creator.join();

  EXPECT_EQ(seen_by_first, UserIds(1, 200));
  EXPECT_EQ(seen_by_second, UserIds(1, 200));
}

TEST(WatchStreamTest, ResumesAtTheOtherServerOfAFileWhileUsersAreCreated) {
  TemporaryDirectory directory;
  auto one = StartServer({.store = OpenSqliteUserStore(directory / "users.db").value()});
  auto other = StartServer({.store = OpenSqliteUserStore(directory / "users.db").value()});
  PlainClient clients[] = {PlainClient(one->address()), PlainClient(other->address())};
  std::string token;
  {
    WatchCall watch(clients[0]);
    ASSERT_TRUE(watch.ReadPosition());
    token = watch.token;
  }
  std::thread creator([&] { CreateUsers(clients[0], 1, 200); });

  std::vector<std::string> ids;
  for (int life = 0; ids.size() < 200; ++life) {
    WatchCall watch(clients[life % 2], token);
    for (const std::string& id : watch.ReadIds(std::min<size_t>(17, 200 - ids.size()))) ids.push_back(id);
    token = watch.token;
    watch.context.Cancel();
  }
  creator.join();

  EXPECT_EQ(ids, UserIds(1, 200));
}

TEST(WatchStreamTest, SurvivesARestartOfTheServerOnItsFile) {
  TemporaryDirectory directory;
  std::string token;
  {
    auto server = StartServer({.store = OpenSqliteUserStore(directory / "users.db").value()});
    PlainClient client(server->address());
    WatchCall watch(client);
    CreateUsers(client, 1, 2);
    ASSERT_THAT(watch.ReadIds(1), ElementsAre("u-1"));
    token = watch.token;
    watch.context.Cancel();
  }

  auto server = StartServer({.store = OpenSqliteUserStore(directory / "users.db").value()});
  PlainClient client(server->address());
  WatchCall watch(client, token);
  CreateUsers(client, 3, 3);

  EXPECT_THAT(watch.ReadIds(2), ElementsAre("u-2", "u-3"));
}

TEST(WatchStreamTest, TwoHundredWatchersSeeEverything) {
  auto server = StartServer({});
  PlainClient client(server->address());
  std::vector<std::unique_ptr<WatchCall>> watches;
  for (int i = 0; i < 200; ++i) {
    watches.push_back(std::make_unique<WatchCall>(client));
    ASSERT_TRUE(watches.back()->ReadPosition());
  }
  EXPECT_EQ(server->open_streams(), 200);

  CreateUsers(client, 1, 20);

  for (const auto& watch : watches) EXPECT_EQ(watch->ReadIds(20), UserIds(1, 20));
  for (const auto& watch : watches) watch->context.Cancel();
  EXPECT_TRUE(AwaitNoStreams(*server));
}

// The watcher does not read while more changes come than the server keeps, and more than fits into the window.
TEST(WatchStreamTest, SlowWatcherLosesNothingAndTheServerKeepsNothingForIt) {
  constexpr int kUsers = 20'000;
  auto store = std::make_shared<CountingUserStore>(MakeMemoryUserStore());
  auto server = StartServer({.store = store});
  auto stub = user::v1::UserService::NewStub(testing::MakeChannelWithFixedWindow(server->address()));
  PlainClient other(server->address());
  WatchCall watch(*stub);
  ASSERT_TRUE(watch.ReadPosition());
  std::vector<NewUser> users;
  for (int i = 0; i < kUsers; ++i) {
    users.push_back({.email = absl::StrCat("new", i, "@example.com"), .display_name = std::string(200, 'n')});
  }
  ASSERT_THAT(store->CreateAll(users), IsOk());

  // The feed has read it all, and the watcher is stalled: nothing was read while others were served many times.
  int64_t read = 0;
  while (read < kUsers || read != store->changes_read) {
    read = store->changes_read;
    for (int i = 0; i < 200; ++i) other.Health("");
  }

  EXPECT_LT(read - kUsers, kUsers / 4) << "read for the watcher";
  EXPECT_EQ(watch.ReadIds(kUsers), UserIds(1, kUsers));
}

TEST(WatchStreamTest, CancellationAndDeadlineReleaseEverything) {
  auto server = StartServer({});
  PlainClient client(server->address());
  WatchCall cancelled(client);
  WatchCall late(client, "", 3s);
  ASSERT_TRUE(cancelled.ReadPosition());
  ASSERT_TRUE(late.ReadPosition());

  cancelled.context.Cancel();

  EXPECT_FALSE(late.Next().has_value());
  EXPECT_EQ(late.Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(AwaitNoStreams(*server));
}

TEST(WatchStreamTest, DrainEndsWatchesBeforeTheNoticeIsOver) {
  // Long enough for the calls below, however slow the machine is.
  auto server = UserServer::Start({.drain_notice = 5s}).value();
  PlainClient client(server->address());
  WatchCall watch(client);
  ASSERT_TRUE(watch.ReadPosition());
  std::thread drainer([&] { EXPECT_THAT(server->Shutdown(30s), IsOk()); });

  EXPECT_FALSE(watch.Next().has_value());
  const grpc::Status status = watch.Finish();
  const grpc::Status again = WatchCall(client, watch.token).Finish();
  const auto unary = client.GetUser("u-1");
  drainer.join();

  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), "the server is shutting down; resume at another");
  EXPECT_EQ(again.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(unary, testing::FailedWith(grpc::StatusCode::NOT_FOUND)) << "other calls are still taken";
}

TEST(WatchStreamTest, StopAtOnceCutsWatchesOff) {
  auto server = StartServer({});
  PlainClient client(server->address());
  WatchCall watch(client);
  ASSERT_TRUE(watch.ReadPosition());

  server->Shutdown(0s).IgnoreError();

  EXPECT_FALSE(watch.Next().has_value());
  EXPECT_EQ(server->open_streams(), 0);
}

/// Its feed can be read once, and then no more.
class BrokenFeedStore final : public testing::EmptyUserStore {
 public:
  absl::StatusOr<int64_t> LastChange() override {
    if (asked_++ > 0) throw std::runtime_error("gone");
    return 0;
  }

 private:
  std::atomic<int> asked_{0};
};

TEST(WatchStreamTest, StoreThatFailsEndsTheWatch) {
  auto server = StartServer({.store = std::make_shared<BrokenFeedStore>()});
  PlainClient client(server->address());
  WatchCall watch(client);
  ASSERT_TRUE(watch.ReadPosition());

  EXPECT_FALSE(watch.Next().has_value());
  EXPECT_EQ(watch.Finish().error_code(), grpc::StatusCode::INTERNAL);
}

TEST(WatchStreamTest, ImpossibleHeartbeatIsRefused) {
  EXPECT_THAT(UserServer::Start({.watch_heartbeat = 0s}),
              testing::IsError(absl::StatusCode::kInvalidArgument, "watch_heartbeat: must be at least 10ms"));
}

}  // namespace
}  // namespace userclient
